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
    });
    let database = database(settings);
    let database_rules = sections::database(settings);
    let master_secrets = master_secrets(settings, database.as_ref());
    let audience = audience(settings);
    let tokens = sections::tokens(settings);
    let sessions = sections::sessions(settings, tokens.as_ref().map(|tokens| tokens.access_lifetime));
    let login = sections::login(settings);
    let passwords = sections::passwords(settings);
    let throttle = throttle::section(settings);
    let audit = sections::audit(settings);
    let claims = sections::claims(settings);
    let http = sections::http(settings);
    let postgres = sections::postgres(settings);
    let log = sections::log(settings);

    let issuer_is_derived = settings.text("issuer").is_empty();
    let issuer = settings.parse("issuer", |text| match (text, listen, &http) {
        ("", Some(listen), Some(http)) => Issuer::of_listener(listen, http.tls.is_some()).map(Some),
        // It can't be derived; what it hangs on has been refused already.
        ("", _, _) => Ok(None),
        (text, _, _) => text.parse().map(Some),
    })??;
    let audience = audience.map(|list| if list.is_empty() { vec![issuer.to_string()] } else { list });
    Some(Config {
        issuer,
        issuer_is_derived,
        listen: listen?,
        database: database?,
        database_rules: database_rules?,
        master_secrets: master_secrets?,
        audience: audience?,
        tokens: tokens?,
        sessions: sessions?,
        login: login?,
        passwords: passwords?,
        throttle: throttle?,
        audit: audit?,
        claims: claims?,
        http: http?,
        postgres: postgres?,
        log: log?,
    })
}

fn audience(settings: &mut Settings) -> Option<Vec<String>> {
    let audience = settings.parse_each("audience", text::audience)?;
    if !Client::audiences_fit(&audience) {
        let most = Client::MAX_AUDIENCE_BYTES;
        settings.refuse("audience", &audience.join(", "), format!("is more than {most} bytes of JSON"));
        return None;
    }
    Some(audience)
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
        ("", None, Some(Database::Sqlite(path))) => Some(SecretSource::beside(path)),
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
