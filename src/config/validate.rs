//! The settings as a [`Config`]: every bound, and every rule between two keys. All problems are found, not only the first.

use super::database::{Database, SecretSource};
use super::error::{ConfigError, Source};
use super::issuer::Issuer;
use super::settings::Settings;
use super::{Config, database_file, sections, text, throttle};
use crate::domain::Client;
use crate::domain::master_secret::MIN_CHARACTERS;

/// The configuration that `settings` describe, or all that is wrong with them.
pub(super) fn config(mut settings: Settings) -> Result<Config, ConfigError> {
    match assemble(&mut settings) {
        Some(config) if settings.is_sound() => Ok(config),
        _ => Err(ConfigError::Invalid(settings.into_problems())),
    }
}

fn assemble(settings: &mut Settings) -> Option<Config> {
    let listen = settings.parse("listen", |text| {
        text.parse().map_err(|_| "must be an address and a port such as 127.0.0.1:8080 or [::]:8080")
    })?;
    let database = database(settings);
    let master_secrets = master_secrets(settings, database.as_ref());
    let audience = audience(settings);
    let tokens = sections::tokens(settings)?;
    let sessions = sections::sessions(settings, tokens.access_lifetime)?;
    let http = sections::http(settings)?;
    let issuer = settings.parse("issuer", |text| match text {
        "" => Issuer::of_listener(listen, http.tls.is_some()),
        text => text.parse(),
    })?;
    if audience.is_empty() {
        settings.show("audience", &issuer);
    }
    Some(Config {
        issuer_is_derived: settings.text("issuer").is_empty(),
        listen,
        database_rules: sections::database(settings)?,
        audience: if audience.is_empty() { vec![issuer.to_string()] } else { audience },
        issuer,
        tokens,
        sessions,
        login: sections::login(settings)?,
        passwords: sections::passwords(settings)?,
        throttle: throttle::section(settings)?,
        audit: sections::audit(settings)?,
        claims: sections::claims(settings),
        http,
        postgres: sections::postgres(settings)?,
        log: sections::log(settings)?,
        database: database?,
        master_secrets: master_secrets?,
        shown: settings.shown(),
    })
}

fn audience(settings: &mut Settings) -> Vec<String> {
    let audience = settings.parse_each("audience", text::audience);
    if !Client::audiences_fit(&audience) {
        let most = Client::MAX_AUDIENCE_BYTES;
        settings.refuse("audience", &audience.join(", "), format!("is more than {most} bytes of JSON"));
    }
    audience
}

fn database(settings: &mut Settings) -> Option<Database> {
    if let Some(file) = settings.path("database_file") {
        return database_file::database(settings, &file);
    }
    let database = settings.parse("database", str::parse::<Database>)?;
    if matches!(&database, Database::Postgres(url) if url.has_password()) {
        refuse_exposed(settings, "database");
    }
    Some(database)
}

fn master_secrets(settings: &mut Settings, database: Option<&Database>) -> Option<SecretSource> {
    match (settings.text("secret").as_str(), settings.path("secret_file"), database) {
        ("", Some(file), _) => Some(SecretSource::File(file)),
        ("", None, None) => None,
        ("", None, Some(Database::Sqlite(path))) => {
            let file = SecretSource::beside(path);
            settings.show("secret_file", file.display());
            Some(SecretSource::File(file))
        }
        ("", None, Some(Database::Postgres(_))) => {
            settings.refuse(
                "secret",
                "",
                "TOKEND_SECRET or secret_file must be set, since PostgreSQL has no place for it",
            );
            None
        }
        (_, Some(_), _) => {
            settings.refuse("secret_file", "", "secret is set too; only one of the two may be");
            None
        }
        (secret, None, _) => {
            settings.show("secret", "(set)");
            refuse_exposed(settings, "secret");
            let source = SecretSource::inline(secret);
            if source.is_none() {
                let reason = format!("must be {MIN_CHARACTERS} characters or longer, each if there are several");
                settings.refuse("secret", "", reason);
            }
            source
        }
    }
}

/// A secret in a file that anyone on the machine can read is no secret.
fn refuse_exposed(settings: &mut Settings, key: &str) {
    if settings.exposed
        && let Source::File(path, _) = settings.source(key)
    {
        let reason = format!("holds a secret, and everybody can read {0}: chmod o-r {0}", path.display());
        settings.refuse(key, "", reason);
    }
}
