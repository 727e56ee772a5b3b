//! `tokend migrate`: the database's tables.

use clap::Args;

use super::failure::Failure;
use super::output::{note, print};
use super::{start, waiting};
use crate::clock::length_for_people;
use crate::config::{Config, Database};
use crate::store::{MigrationState, StartError, Store};

/// How to migrate.
#[derive(Args, Debug)]
pub struct Options {
    /// Only say what would be done. Makes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Applies the migrations that are missing, as soon as the database is there.
pub async fn run(config: &Config, options: Options) -> Result<(), Failure> {
    let wait = config.database_rules.wait;
    let tell = |error: &Failure| {
        note(&format!("waiting up to {} for the database (database.wait): {error}", length_for_people(wait)));
    };
    if options.dry_run {
        return print(&match waiting::for_database(wait, async || missing(config).await, tell).await? {
            0 => "the database is up to date\n".to_owned(),
            missing => format!("{} would be applied\n", migrations(missing)),
        });
    }
    print(&match waiting::for_database(wait, async || apply(config).await, tell).await? {
        0 => "the database is up to date\n".to_owned(),
        applied => format!("{} applied\n", migrations(applied)),
    })
}

async fn apply(config: &Config) -> Result<usize, Failure> {
    let store = start::open_store(config).await?;
    let applied = apply_to(config, &store).await;
    store.close().await;
    applied
}

async fn apply_to(config: &Config, store: &Store) -> Result<usize, Failure> {
    let findings = start::require_preconditions(config, store).await?;
    let applied = start::migrate(config, store).await?;
    for finding in findings {
        note(&finding.to_string());
    }
    Ok(applied)
}

async fn missing(config: &Config) -> Result<usize, Failure> {
    let Some(store) = open_existing(config).await? else { return Ok(Store::embedded_migrations()) };
    let state = store.migration_state().await;
    store.close().await;
    match state? {
        MigrationState::Current | MigrationState::Ahead(_) => Ok(0),
        MigrationState::Behind(missing) => Ok(missing),
        MigrationState::Newer(version) => Err(StartError::Newer(version).into()),
    }
}

/// Opens the configured database, if it is there. Makes nothing.
pub async fn open_existing(config: &Config) -> Result<Option<Store>, StartError> {
    match &config.database {
        Database::Sqlite(path) => Store::open_existing_sqlite(path).await,
        Database::Postgres(_) => start::open_store(config).await.map(Some),
    }
}

/// `1 migration`, `2 migrations`.
pub fn migrations(number: usize) -> String {
    if number == 1 { "1 migration".to_owned() } else { format!("{number} migrations") }
}
