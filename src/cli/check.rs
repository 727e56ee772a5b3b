//! `tokend check`: what would run, and whether it can. Makes and changes nothing.

use std::path::Path;

use super::failure::Failure;
use super::migrate::migrations;
use super::output::{aligned, escaped, note, print};
use super::warnings::{self, Warning};
use super::{start, throttling};
use crate::admin::check::{self, Found, MigrationState, TrailState};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Client;

/// Shows the settings, then looks at everything that the server would need. `file` is where the configuration is from.
pub async fn run(config: &Config, file: Option<&Path>) -> Result<(), Failure> {
    let shown = |value: &str| if value.is_empty() { "-".to_owned() } else { escaped(value) };
    let settings = config.shown().iter().map(|(key, value)| vec![(*key).to_owned(), shown(value)]);
    let from = file.map_or_else(|| "defaults and environment".to_owned(), |file| file.display().to_string());
    print(&format!("configuration: {}\n\n{}\n", escaped(&from), aligned(&settings.collect::<Vec<_>>())))?;
    if let Some(files) = start::tls_files(config) {
        files.check()?;
        print("TLS            certificate and key fit\n")?;
    }
    print(&throttling::amount_to(&config.throttle))?;
    let now = Clock::System.now();
    if let Some(store) = start::open_existing(config).await? {
        let found = check::database(config, &store, now, |found| show(config, found)).await;
        store.close().await;
        found?;
    } else {
        print("database       not there yet: the first start makes it\n")?;
        show(config, check::secrets(config, &[], now)?)?;
    }
    warnings::of_configuration(config).iter().for_each(Warning::note);
    Ok(())
}

fn show(config: &Config, found: Found) -> Result<(), Failure> {
    match found {
        Found::Engine(engine) => print(&format!("database       {engine}\n")),
        Found::Unusual(finding) => print(&format!("warning        {finding}\n")),
        Found::Migrations(state) => print(&format!("migrations     {}\n", of_migrations(state))),
        Found::Counts { users, clients, sessions } => print(&format!(
            "users          {users}\nclients        {clients}\nsessions       {sessions}, with those that ended lately\n"
        )),
        Found::NoMasterSecret => print("master secret  not there yet: the first start makes it\n"),
        Found::Keys { number, signer } => {
            let signer = signer.map(|(kid, algorithm)| format!("{kid} ({algorithm}) signs"));
            let signer = signer.unwrap_or_else(|| "the next start makes one".to_owned());
            print(&format!("master secret  opens every signing key\nsigning keys   {number}; {signer}\n"))
        }
        Found::Trail(trail) => print(&format!("audit trail    {}\n", of_trail(trail))),
        Found::Clients(clients) => show_clients(config, &clients),
    }
}

fn of_migrations(state: MigrationState) -> String {
    match state {
        MigrationState::Current => "up to date".to_owned(),
        MigrationState::Ahead(version) => format!("of a newer version (up to {version}), which this one can use"),
        MigrationState::Behind(missing) => {
            let who = "the next start applies what is missing, or `tokend migrate`";
            format!("{} missing: {who}", migrations(missing))
        }
    }
}

fn of_trail(trail: TrailState) -> &'static str {
    match trail {
        TrailState::Anchored => "sealed and anchored",
        TrailState::NotAnchored => "sealed, not anchored yet: the next start of the server does it",
        TrailState::Unsealed => "not sealed: run `tokend audit verify`, and `tokend audit seal` if nothing is missing",
    }
}

fn show_clients(config: &Config, clients: &[Client]) -> Result<(), Failure> {
    let handling = check::handling_passwords(clients);
    if !handling.is_empty() {
        let whose = "may handle passwords, which is for your own apps only (RFC 9700 §2.4)";
        print(&format!("password grant {} {whose}\n", handling.join(", ")))?;
    }
    for what in check::without_effect(clients) {
        note(&what);
    }
    // The first start may make some.
    if !clients.is_empty() {
        warnings::of_clients(clients, &config.login.client).iter().for_each(Warning::note);
    }
    Ok(())
}
