//! Warnings about unusual settings and files. `tokend check` prints them, and the server logs them when it starts.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::{output, start};
use crate::config::{Config, Database, SecretSource};
use crate::domain::{Client, ClientId};
use crate::private_file::others_can_write;

/// A setting or a file that is unusual. The server runs with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Warning {
    setting: &'static str,
    text: String,
}

impl Warning {
    fn new(setting: &'static str, text: impl Into<String>) -> Self {
        Self { setting, text: text.into() }
    }

    pub fn log(&self) {
        tracing::warn!(setting = self.setting, "{}", self.text);
    }

    pub fn note(&self) {
        output::note(&self.text);
    }
}

/// The warnings about the configuration and the files that it names.
pub fn of_configuration(config: &Config) -> Vec<Warning> {
    let mut found = of_settings(config);
    found.extend(of_files(config));
    found
}

fn of_settings(config: &Config) -> Vec<Warning> {
    let mut found = Vec::new();
    let issuer = &config.issuer;
    if !issuer.is_https() && !config.listen.ip().is_loopback() {
        let text = format!("the issuer {issuer} is not https, and the server can be reached from outside");
        found.push(Warning::new("issuer", text));
    }
    if !config.throttle.enabled {
        let text = "throttle.enabled is false: passwords can be guessed as fast as they can be hashed";
        found.push(Warning::new("throttle.enabled", text));
    }
    let everybody = config.http.trusted_proxies.iter().filter(|network| network.prefix_len() == 0);
    found.extend(everybody.map(|network| {
        let text = format!("http.trusted_proxies: {network} trusts everybody: a client can claim any address");
        Warning::new("http.trusted_proxies", text)
    }));
    found.extend(of_networks("http.trusted_proxies", &config.http.trusted_proxies));
    found.extend(of_networks("http.metrics_from", &config.http.metrics_from));
    found
}

/// A network with host bits, such as `10.0.0.1/8`, may be meant as one address.
fn of_networks(setting: &'static str, networks: &[IpNet]) -> impl Iterator<Item = Warning> {
    networks.iter().filter(|network| network.trunc() != **network).map(move |network| {
        let (read, address) = (network.trunc(), network.addr());
        let text = format!("{setting}: {network} is read as {read}: write that, or {address} for the one address");
        Warning::new(setting, text)
    })
}

fn of_files(config: &Config) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut directories = BTreeSet::new();
    if let Database::Sqlite(path) = &config.database {
        if is(path, |file| file.permissions().mode() & 0o077 != 0) {
            let text = format!("others may use the database's file {}: chmod 600", path.display());
            found.push(Warning::new("database", text));
        }
        directories.extend(directories_of(path).into_iter().map(|directory| ("database", directory)));
    }
    if let SecretSource::File(path) = &config.master_secrets {
        directories.extend(directories_of(path).into_iter().map(|directory| ("secret_file", directory)));
    }
    // The embedded database and its master secret usually share a directory.
    let mut seen = BTreeSet::new();
    for (setting, directory) in directories {
        if is(&directory, others_can_write) && seen.insert(directory.clone()) {
            let text = format!("others can write the data directory {}: chmod go-w", directory.display());
            found.push(Warning::new(setting, text));
        }
    }
    let key = start::tls_files(config).and_then(|files| files.exposed_key());
    found.extend(key.map(|text| Warning::new("http.tls_key", text)));
    found
}

fn is(path: &Path, what: impl Fn(&Metadata) -> bool) -> bool {
    fs::metadata(path).is_ok_and(|found| what(&found))
}

/// The directory in the path of a file, and the directory of the file that the path links to.
fn directories_of(file: &Path) -> Vec<PathBuf> {
    let real = fs::canonicalize(file).ok();
    let as_named = file.parent().map(|directory| if directory == Path::new("") { Path::new(".") } else { directory });
    let directories = [as_named, real.as_deref().and_then(Path::parent)];
    directories.into_iter().flatten().filter_map(|directory| fs::canonicalize(directory).ok()).collect()
}

/// Warns if no client is enabled, or if `login` isn't: the client of sign-ins that name none.
pub fn of_clients<'a>(clients: impl IntoIterator<Item = &'a Client>, login: &ClientId) -> Option<Warning> {
    let mut enabled = clients.into_iter().filter(|client| client.disabled_at.is_none()).peekable();
    if enabled.peek().is_none() {
        let text = "there is no client, so nobody can sign in: run `tokend client add`";
        return Some(Warning::new("login.client", text));
    }
    let is_missing = enabled.all(|client| client.id != *login);
    is_missing.then(|| {
        let text = format!(
            "login.client: there is no client {login}, or it is disabled: a sign-in at /login that names no client is refused"
        );
        Warning::new("login.client", text)
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::domain::ClientAuthentication;

    fn texts(warnings: &[Warning]) -> Vec<&str> {
        warnings.iter().map(|warning| warning.text.as_str()).collect()
    }

    fn of_http(key: &str, value: &str) -> Vec<Warning> {
        of_settings(&Config::from_toml(&format!("[http]\n{key} = ['{value}']")).unwrap())
    }

    #[test]
    fn a_network_is_warned_of_that_holds_everybody_or_may_not_be_what_was_meant() {
        for plain in ["10.0.0.0/8", "10.0.0.1", "10.0.0.1/32", "0.0.0.0/1", "0.0.0.0", "fd00::/8", "fd00::1", "::/1"] {
            assert_eq!(of_http("trusted_proxies", plain), [], "{plain}");
        }
        for everybody in ["0.0.0.0/0", "::/0"] {
            let said = format!("http.trusted_proxies: {everybody} trusts everybody: a client can claim any address");
            assert_eq!(texts(&of_http("trusted_proxies", everybody)), [said]);
            assert_eq!(of_http("metrics_from", everybody), [], "metrics may be public");
        }
        for key in ["trusted_proxies", "metrics_from"] {
            for (given, read, one) in [
                ("10.0.0.1/8", "10.0.0.0/8", "10.0.0.1"),
                ("10.0.0.1/31", "10.0.0.0/31", "10.0.0.1"),
                ("fd00::1/8", "fd00::/8", "fd00::1"),
            ] {
                let said = format!("http.{key}: {given} is read as {read}: write that, or {one} for the one address");
                assert_eq!(texts(&of_http(key, given)), [said]);
            }
        }
        assert_eq!(of_http("trusted_proxies", "10.0.0.1/0").len(), 2);
    }

    #[test]
    fn what_can_be_reached_from_outside_is_https() {
        let warns = |toml: &str| !of_settings(&Config::from_toml(toml).unwrap()).is_empty();
        assert!(warns("listen = '0.0.0.0:80'"));
        assert!(!warns("listen = '0.0.0.0:80'\nissuer = 'https://a.example'") && !warns("listen = '127.0.0.1:80'"));
        assert!(warns("[throttle]\nenabled = false"));
    }

    #[test]
    fn a_directory_that_others_can_write_is_warned_of_once_also_behind_a_link() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let data = home.join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("tokend.db"), "").unwrap();
        set_permissions(data.join("tokend.db"), Permissions::from_mode(0o600)).unwrap();
        symlink("data/tokend.db", home.join("link.db")).unwrap();
        let warned = |file: &str, secret: &str| {
            let path = |name: &str| home.join(name).display().to_string();
            let toml = format!("database = 'sqlite:{}'\nsecret_file = '{}'", path(file), path(secret));
            of_files(&Config::from_toml(&toml).unwrap())
        };
        for (mode, expected) in [(0o700, 0), (0o755, 0), (0o775, 1), (0o757, 1), (0o1777, 1)] {
            set_permissions(&data, Permissions::from_mode(mode)).unwrap();
            for (file, secret) in [
                ("data/tokend.db", "data/secret"),
                ("link.db", "secret"),
                ("data/none.db", "secret"),
                ("link.db", "data/s"),
                ("none.db", "data/secret"),
            ] {
                let warnings = warned(file, secret);
                assert_eq!(warnings.len(), expected, "{mode:o} {file} {secret}: {warnings:?}");
                assert!(texts(&warnings).iter().all(|text| text.contains("/data: chmod go-w")), "{warnings:?}");
            }
        }
        assert_eq!(warned("not/there.db", "not/there"), []);
    }

    #[test]
    fn without_a_client_that_is_enabled_nobody_signs_in() {
        let client = |id: &str, disabled_at| Client {
            disabled_at,
            ..Client::without_rights(id.parse().unwrap(), ClientAuthentication::Public, 0)
        };
        let said = |clients: &[Client]| of_clients(clients, &"app".parse().unwrap()).map(|warning| warning.text);
        assert!(said(&[]).unwrap().contains("run `tokend client add`"));
        assert!(said(&[client("app", Some(1))]).unwrap().contains("run `tokend client add`"));
        let missing = "login.client: there is no client app, or it is disabled";
        assert!(said(&[client("app", Some(1)), client("web", None)]).unwrap().starts_with(missing));
        assert_eq!(said(&[client("web", None), client("app", None)]), None);
    }
}
