//! `tokend check`: what would run, and whether it can. Makes and changes nothing.

use std::path::Path;

use super::failure::Failure;
use super::migrate::{migrations, open_existing};
use super::output::{aligned, escaped, note, print};
use super::warnings::{self, Warning};
use super::{client, start, throttling};
use crate::clock::Clock;
use crate::config::{Config, describe};
use crate::domain::{Client, Grant, StoredKey};
use crate::keys::{KeyRing, SigningKey};
use crate::store::audit_events::TrailState;
use crate::store::{MigrationState, StartError, Store};

/// Shows the settings, then looks at everything that the server would need. `file` is where the configuration is from.
pub async fn run(config: &Config, file: Option<&Path>) -> Result<(), Failure> {
    let shown = |value: &str| if value.is_empty() { "-".to_owned() } else { escaped(value) };
    let settings = describe(config).into_iter().map(|(key, value)| vec![key.to_owned(), shown(&value)]);
    let from = file.map_or_else(|| "defaults and environment".to_owned(), |file| file.display().to_string());
    print(&format!("configuration: {}\n\n{}\n", escaped(&from), aligned(&settings.collect::<Vec<_>>())))?;
    if let Some(files) = start::tls_files(config) {
        files.check()?;
        print("TLS            certificate and key fit\n")?;
    }
    print(&throttling::amount_to(&config.throttle))?;
    if let Some(store) = open_existing(config).await? {
        let found = check_database(config, &store).await;
        store.close().await;
        found?;
    } else {
        print("database       not there yet: the first start makes it\n")?;
        check_secrets(config, &[])?;
    }
    warnings::of_configuration(config).iter().for_each(Warning::note);
    Ok(())
}

async fn check_database(config: &Config, store: &Store) -> Result<(), Failure> {
    print(&format!("database       {}\n", store.engine().await?))?;
    for finding in start::require_preconditions(config, store).await? {
        print(&format!("warning        {finding}\n"))?;
    }
    match store.migration_state().await? {
        MigrationState::Current => print("migrations     up to date\n")?,
        MigrationState::Ahead(version) => {
            print(&format!("migrations     of a newer version (up to {version}), which this one can use\n"))?;
        }
        MigrationState::Newer(version) => return Err(StartError::Newer(version).into()),
        MigrationState::Behind(missing) => {
            let who = "the next start applies what is missing, or `tokend migrate`";
            print(&format!("migrations     {} missing: {who}\n", migrations(missing)))?;
            return check_secrets(config, &[]);
        }
    }
    store.require_writable().await?;
    let counts = store.counts().await?;
    print(&format!("users          {}\nclients        {}\n", counts.users, counts.clients))?;
    print(&format!("sessions       {}, with those that ended lately\n", counts.sessions))?;
    check_secrets(config, &store.signing_keys().list().await?)?;
    print(match store.audit().state().await? {
        TrailState::Anchored => "audit trail    sealed and anchored\n",
        TrailState::NotAnchored => "audit trail    sealed, not anchored yet: the next start of the server does it\n",
        TrailState::Unsealed => {
            "audit trail    not sealed: run `tokend audit verify`, and `tokend audit seal` if nothing is missing\n"
        }
    })?;
    check_clients(config, &store.clients().list().await?)
}

fn check_clients(config: &Config, clients: &[Client]) -> Result<(), Failure> {
    let handles_passwords =
        |client: &&Client| client.disabled_at.is_none() && client.first_party && client.may_use(Grant::Password);
    let handling: Vec<&str> = clients.iter().filter(handles_passwords).map(|client| client.id.as_str()).collect();
    if !handling.is_empty() {
        let whose = "may handle passwords, which is for your own apps only (RFC 9700 §2.4)";
        print(&format!("password grant {} {whose}\n", handling.join(", ")))?;
    }
    for client in clients {
        client::rules::without_effect(client).for_each(|what| note(&format!("client {}: {what}", client.id)));
    }
    // The first start may make some.
    if !clients.is_empty() {
        warnings::of_clients(clients, &config.login.client).iter().for_each(Warning::note);
    }
    Ok(())
}

/// The master secret must open every signing key.
fn check_secrets(config: &Config, stored: &[StoredKey]) -> Result<(), Failure> {
    let Some(secrets) = start::existing_master_secrets(config, !stored.is_empty())? else {
        return print("master secret  not there yet: the first start makes it\n");
    };
    let keys = stored.iter().map(|key| SigningKey::open(key, &secrets)).collect::<Result<Vec<_>, _>>()?;
    let number = keys.len();
    let ring = KeyRing::new(keys);
    let signer = ring.signer(Clock::System.now()).map(|key| format!("{} ({}) signs", key.kid(), key.algorithm()));
    let signer = signer.unwrap_or_else(|| "the next start makes one".to_owned());
    print(&format!("master secret  opens every signing key\nsigning keys   {number}; {signer}\n"))
}
