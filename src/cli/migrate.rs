//! `tokend migrate`: the database's tables.

use clap::Args;

use super::output::{note, print};
use super::{Failure, start};
use crate::config::{Config, Database};
use crate::store::{MigrationState, StartError, Store};

/// How to migrate.
#[derive(Args, Debug)]
pub struct Options {
    /// Only say what would be done. Makes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Applies the migrations that are missing.
pub async fn run(config: &Config, options: Options) -> Result<(), Failure> {
    if options.dry_run {
        return print(&match missing(config).await? {
            0 => "the database is up to date\n".to_owned(),
            missing => format!("{} would be applied\n", migrations(missing)),
        });
    }
    let store = start::open_store(config).await?;
    let applied = apply(config, &store).await;
    store.close().await;
    print(&match applied? {
        0 => "the database is up to date\n".to_owned(),
        applied => format!("{} applied\n", migrations(applied)),
    })
}

async fn apply(config: &Config, store: &Store) -> Result<usize, StartError> {
    let findings = start::require_preconditions(config, store).await?;
    let applied = store.migrate().await?;
    findings.iter().for_each(|finding| note(&finding.to_string()));
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
pub async fn open_existing(config: &Config) -> Result<Option<Store>, Failure> {
    match &config.database {
        Database::Sqlite(path) => Ok(Store::open_existing_sqlite(path).await?),
        Database::Postgres(_) => start::open_store(config).await.map(Some),
    }
}

/// `1 migration`, `2 migrations`.
pub fn migrations(number: usize) -> String {
    if number == 1 { "1 migration".to_owned() } else { format!("{number} migrations") }
}
