//! From a configuration to an opened database: the one file of the command line that knows the store.

use std::path::Path;
use std::sync::Arc;

use crate::admin::{Error, master_secrets, start};
use crate::app::{App, keep_audit};
use crate::audit::{Actor, AuditContext};
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::http::server::TlsFiles;
use crate::store::audit_events::Keeping;
use crate::store::{Finding, MigrationState, PoolSize, StartError, Store};

/// A migrated database for a server.
pub struct Opened {
    store: Store,
    /// How many threads can have lanes of their own.
    pub own_lanes: usize,
    /// What is unusual about it.
    pub findings: Vec<Finding>,
}

/// The files for TLS, if the server speaks it itself.
pub fn tls_files(config: &Config) -> Option<TlsFiles> {
    let tls = config.http.tls.as_ref()?;
    Some(TlsFiles { certificate: tls.certificate.clone(), key: tls.key.clone() })
}

/// Opens the configured database. Changes nothing in it.
async fn open_store(config: &Config) -> Result<Store, StartError> {
    Ok(open_store_for(config, 0).await?.0)
}

/// Opens the configured database, if it is there. Makes nothing.
pub async fn open_existing(config: &Config) -> Result<Option<Store>, Error> {
    Ok(match &config.database {
        Database::Sqlite(path) => Store::open_existing_sqlite(path).await?,
        Database::Postgres(_) => Some(open_store(config).await?),
    })
}

/// For how many threads SQLite is read by connections of their own. Each is a thread of the driver's, with a cache.
const SQLITE_LANES: usize = 4;

/// As [`open_store`], with room for connections of their own for so many threads, and for how many there is room.
async fn open_store_for(config: &Config, threads: usize) -> Result<(Store, usize), StartError> {
    match &config.database {
        Database::Sqlite(path) => Ok((Store::open_sqlite(path).await?, threads.min(SQLITE_LANES))),
        Database::Postgres(url) => {
            let max_connections = config.postgres.max_connections;
            let pool = PoolSize { max_connections, acquire_timeout: config.postgres.acquire_timeout };
            let (pool, own) = pool.shared_by(threads);
            Ok((Store::open_postgres(url.reveal(), pool).await?, own))
        }
    }
}

/// Refuses a database on which a guarantee would be false; otherwise answers what to warn of.
async fn require_preconditions(config: &Config, store: &Store) -> Result<Vec<Finding>, StartError> {
    store.require_preconditions(config.postgres.max_connections, config.database_rules.unsafe_durability).await
}

/// Opens the database for a command that works on what is in it: the embedded one must be there and is migrated, PostgreSQL must
/// be.
pub async fn open_migrated(config: &Config) -> Result<Store, Error> {
    if let Database::Sqlite(path) = &config.database
        && !path.exists()
    {
        return Err(no_database(path));
    }
    let store = open_store(config).await?;
    if store.is_embedded() {
        start::migrate(config, &store).await?;
    } else {
        store.require_current().await?;
    }
    Ok(store)
}

/// Opens the database for a server with so many threads, and applies the migrations that are missing, unless that is forbidden.
pub async fn open_for_server(config: &Config, no_migrate: bool, threads: usize) -> Result<Opened, Error> {
    let (store, own_lanes) = open_store_for(config, threads).await?;
    let findings = require_preconditions(config, &store).await?;
    if no_migrate {
        store.require_current().await?;
    } else {
        start::migrate(config, &store).await?;
    }
    Ok(Opened { store, own_lanes, findings })
}

impl Opened {
    /// The newest migration of the database.
    pub async fn schema(&self) -> Result<i64, Error> {
        let state = self.store.migration_state().await?;
        let MigrationState::Ahead(version) = state else { return Ok(self.store.newest_migration()) };
        tracing::warn!(
            version,
            "the database was migrated by a newer version of tokend; this version can still use it"
        );
        Ok(version)
    }

    /// What answers requests from it.
    pub async fn build(self, config: &Config) -> Result<Arc<App>, Error> {
        let (clock, store) = (Clock::System, self.store);
        let secrets = master_secrets::load(config, &store).await?;
        start::store_audit_keys(&store, &secrets).await?;
        keep_audit(&store, &secrets, Keeping { retention: config.audit.retention, shared: false }).await?;
        let by_server = AuditContext { actor: Actor::Server, at: clock.now(), request_context: None };
        start::ensure_signing_key(config, &store.by(by_server), &secrets, clock.now()).await?;
        App::build(config.clone(), clock, store, secrets).await.map_err(Error::failed)
    }
}

/// How many migrations the database lacks. Makes nothing.
pub async fn missing_migrations(config: &Config) -> Result<usize, Error> {
    let Some(store) = open_existing(config).await? else { return Ok(Store::embedded_migrations()) };
    let state = store.migration_state().await;
    store.close().await;
    Ok(if let MigrationState::Behind(missing) = state? { missing } else { 0 })
}

/// Applies the migrations that the database lacks, and answers how many those were. `note` is told what is unusual.
pub async fn open_and_migrate(config: &Config, note: impl Fn(&str)) -> Result<usize, Error> {
    let store = open_store(config).await?;
    let applied = migrate(config, &store, note).await;
    store.close().await;
    applied
}

async fn migrate(config: &Config, store: &Store, note: impl Fn(&str)) -> Result<usize, Error> {
    let findings = require_preconditions(config, store).await?;
    let applied = start::migrate(config, store).await?;
    for finding in findings {
        note(&finding.to_string());
    }
    Ok(applied)
}

/// An empty one that is made by the way would look like the server's, with nothing in it.
fn no_database(path: &Path) -> Error {
    Error::failed(format!(
        "there is no database {} here: run this where the server runs and with its configuration (--config), or make the \
         database first, by `tokend migrate` or a start of the server",
        path.display()
    ))
}
