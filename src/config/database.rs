//! Where the data lives, and where the master secret comes from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use super::error::InvalidDatabase;
use super::parameters;
use crate::domain::PlainSecret;
use crate::domain::master_secret::{bare, in_words, is_long_enough};

/// The database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// The embedded one: a file, relative to the working directory if it isn't absolute.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

/// A connection URL, which may hold a password. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

impl PostgresUrl {
    /// The whole URL, for the one place that connects.
    pub fn reveal(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the URL holds a password, as user information or as a parameter.
    pub(super) fn has_password(&self) -> bool {
        self.0.password().is_some() || self.0.query_pairs().any(|(name, _)| name == "password")
    }
}

/// The URL without its password and its parameters.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = if self.0.username().is_empty() { String::new() } else { format!("{}@", self.0.username()) };
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}://{user}{}{port}{}", self.0.scheme(), self.0.host_str().unwrap_or_default(), self.0.path())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresUrl(..)")
    }
}

impl FromStr for Database {
    type Err = InvalidDatabase;

    fn from_str(text: &str) -> Result<Self, InvalidDatabase> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            // `sqlite://data/x` means a relative path to some and an absolute one to others; `:memory:` forgets everything.
            let plain = !path.is_empty() && !path.starts_with("//") && !path.starts_with(':') && !path.contains('?');
            return if plain { Ok(Self::Sqlite(path.into())) } else { Err(InvalidDatabase::Form) };
        }
        match Url::parse(text) {
            Ok(url) if is_server(&url) && text.contains("://") => {
                parameters::check(&url)?;
                Ok(Self::Postgres(PostgresUrl(url)))
            }
            _ => Err(InvalidDatabase::Form),
        }
    }
}

/// An unencoded / or # in a password ends the host. The rest of the password, with the @, is then in the path or the fragment.
fn is_server(url: &Url) -> bool {
    matches!(url.scheme(), "postgres" | "postgresql") && !url.path().contains('@') && url.fragment().is_none()
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// Where the master secrets come from. The first one is used, the others still verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// From the configuration itself: at least one.
    Inline(Vec<PlainSecret>),
    /// From a file, which the embedded mode makes if it isn't there.
    File(PathBuf),
}

impl SecretSource {
    /// The secrets in `text`, separated by commas or white space; `None` if one is too short or there is none.
    pub(super) fn inline(text: &str) -> Option<Self> {
        let secrets = in_words(text);
        let are_long = secrets.iter().all(|secret| is_long_enough(bare(secret.reveal())));
        (are_long && !secrets.is_empty()).then_some(Self::Inline(secrets))
    }

    /// The file beside an embedded database, so that a copy of the directory is a whole server.
    pub(super) fn beside(database: &Path) -> PathBuf {
        database.with_file_name("master.secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_file_or_a_server() {
        assert_eq!("sqlite:data/tokend.db".parse(), Ok(Database::Sqlite("data/tokend.db".into())));
        assert_eq!("sqlite:/var/lib/tokend.db".parse(), Ok(Database::Sqlite("/var/lib/tokend.db".into())));
        for text in ["postgres://u:p@h:5433/db", "postgresql://h/db?sslmode=require", "postgres:///db?host=/run/pg"] {
            let Ok(Database::Postgres(url)) = text.parse() else { panic!("{text}") };
            assert_eq!(url.reveal(), text);
        }
        for text in [
            "",
            "data/tokend.db",
            "sqlite:",
            "sqlite://data/tokend.db",
            "sqlite::memory:",
            "sqlite:a.db?mode=memory",
            "postgres",
            "postgres:h/db",
            "postgres://h:port/db",
            "mysql://h/db",
        ] {
            assert_eq!(text.parse::<Database>(), Err(InvalidDatabase::Form), "{text:?}");
        }
    }

    /// The driver ignores what it doesn't know: a misspelt `sslmode` would connect without TLS.
    #[test]
    fn a_parameter_that_the_driver_would_ignore_is_refused_with_the_nearest_one() {
        for (parameters, names) in [
            ("sslmod=verify-full", "sslmod: unknown; the nearest known ones are sslmode"),
            ("sslmode=require&Port=1", "Port: unknown; the nearest known ones are port"),
            ("options[a=b", "options[a: unknown; the nearest known ones are options"),
            ("connect_timeout=10", "connect_timeout: unknown"),
            ("sslmode=bogus", "sslmode: must be disable, allow, prefer, require, verify-ca or verify-full"),
            ("sslmode=", "sslmode: must be disable"),
            ("port=70000", "port: must be a port"),
            ("hostaddr=db.internal", "hostaddr: must be an address"),
            ("statement-cache-capacity=many", "statement-cache-capacity: must be a number"),
        ] {
            let error = format!("postgres://u:hunter2@h/db?{parameters}").parse::<Database>().unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with(&format!("its parameter {names}")), "{said}");
        }
        let all = "postgres:///?sslmode=verify-full&ssl-mode=Require&sslrootcert=a&ssl-root-cert=a&ssl-ca=a&sslcert=a\
                   &ssl-cert=a&sslkey=a&ssl-key=a&statement-cache-capacity=5&host=/run/pg&hostaddr=::1&port=5433\
                   &dbname=db&user=u&password=p&application_name=a@b&options=-c%20a=b&options[a]=b";
        assert!(all.parse::<Database>().is_ok());
    }

    /// Where a password holds what ends it in a URL, parts of it end up where no password is expected.
    #[test]
    fn a_password_that_is_not_encoded_is_not_shown() {
        for text in [
            "postgres://u:12/hunter2@h/db",
            "postgres://u:12?hunter2@h/db",
            "postgres://u:12?hunter2&x@h/db",
            "postgres://u:12#hunter2@h/db",
            "postgres://u:/hunter2@h/db",
            "postgres://h/db?password=x&hunter2",
            "postgres://h/db?password=x#hunter2",
            "postgres://u:hunter2/x@h/db",
        ] {
            let said = text.parse::<Database>().map(|database| database.to_string()).unwrap_err().to_string();
            assert!(said.contains("%40") && said.contains("%2F") && !said.contains("hunter2"), "{text}: {said}");
        }
        assert!("postgres://u:p@ss@h/db".parse::<Database>().is_ok());
    }

    #[test]
    fn a_database_url_is_shown_without_its_password() {
        let database: Database = "postgres://alice:hunter2@db.internal:5433/tokend?password=hunter2".parse().unwrap();
        assert_eq!(database.to_string(), "postgres://alice@db.internal:5433/tokend");
        assert_eq!(format!("{database:?}"), "Postgres(PostgresUrl(..))");
    }

    #[test]
    fn master_secrets_are_separated_by_commas_or_white_space() {
        let (one, two) = ("1".repeat(32), "2".repeat(33));
        for text in [format!("{one},{two}"), format!(" {one}\n\t{two}\n"), format!("{one}, {two},")] {
            let Some(SecretSource::Inline(secrets)) = SecretSource::inline(&text) else { panic!("{text:?}") };
            assert_eq!(secrets.iter().map(PlainSecret::reveal).collect::<Vec<_>>(), [&one, &two]);
        }
        for text in ["", " , ", &"1".repeat(31), &format!("{one},short")] {
            assert_eq!(SecretSource::inline(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_embedded_secret_lies_beside_the_database() {
        assert_eq!(SecretSource::beside(Path::new("data/tokend.db")), Path::new("data/master.secret"));
        assert_eq!(SecretSource::beside(Path::new("tokend.db")), Path::new("master.secret"));
    }
}
