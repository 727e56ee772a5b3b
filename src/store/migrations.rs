//! Migrations: embedded, applied at start, one node at a time, never backwards.
//!
//! Version 0.1.0 refuses a database with a row in `_sqlx_migrations` that it doesn't know. So that table keeps the first five
//! migrations, and later ones are recorded in a table of ours, which says which versions can still use the database.

mod expand;
mod files;

use std::sync::LazyLock;

use sqlx::migrate::{Migrate as _, MigrateError, Migration, Migrator};
use sqlx::{Connection as _, PgConnection, PgPool, SqlitePool};

use super::engine::{Pools, from_row, is_lock_timeout, sql};
use super::{StartError, Store, StoreError};
use crate::audit::AuditKeys;

pub use self::expand::MigrationState;
pub(super) use self::expand::Recorded;

/// The last migration that `_sqlx_migrations` records.
const LAST_OF_SQLX: i64 = 5;

/// Every migration of one engine.
struct Migrations {
    /// The first five, which the driver applies.
    first: Migrator,
    /// Those that we apply ourselves, in their order.
    later: Vec<Migration>,
}

static POSTGRES: LazyLock<Migrations> = LazyLock::new(|| {
    let mut migrations = Migrations::of(files::POSTGRES);
    // The driver's lock has the patience of the connection that migrates.
    migrations.first.set_locking(false);
    migrations
});
static SQLITE: LazyLock<Migrations> = LazyLock::new(|| Migrations::of(files::SQLITE));

/// The oldest PostgreSQL that is supported, as `server_version_num` counts.
const OLDEST_POSTGRES: i64 = 140_000;

/// How long one statement waits for the migration lock. PostgreSQL builds an index concurrently only when every statement that began
/// before has ended, so none may wait until another node's migrations have ended.
const LOCK_WAIT: &str = "SET lock_timeout = '200ms'";

from_row! {
    struct VersionRow {
        number: i64,
        name: String,
    }
}

const APPLIED: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";

const POSTGRES_VERSION: &str =
    "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS number, current_setting('server_version') AS name";

impl Migrations {
    fn of(files: &[(&str, &'static str)]) -> Self {
        let (first, later) =
            files::migrations(files).into_iter().partition(|migration| migration.version <= LAST_OF_SQLX);
        Self { first: Migrator::with_migrations(first), later }
    }

    /// The newest migration that this program knows.
    fn newest(&self) -> i64 {
        self.later.last().map_or(LAST_OF_SQLX, |migration| migration.version)
    }

    fn count(&self) -> usize {
        self.first.iter().count() + self.later.len()
    }
}

impl Store {
    /// How many migrations an embedded database that isn't there lacks.
    pub fn embedded_migrations() -> usize {
        SQLITE.count()
    }

    /// The newest migration that this program knows.
    pub fn newest_migration(&self) -> i64 {
        self.migrations().newest()
    }

    /// Compares the database's tables with what this program knows; [`StartError::Newer`] if this program is too old
    /// for them. Writes nothing.
    pub async fn migration_state(&self) -> Result<MigrationState, StartError> {
        self.require_engine_version().await?;
        let known = self.migrations();
        let applied = match sql!(self.db.write().await?, values i64, APPLIED) {
            Err(error) if error.is_of_missing_table() => Vec::new(),
            applied => applied?,
        };
        if let Some(version) = applied.iter().find(|version| !known.first.version_exists(**version)) {
            return Err(StartError::Newer(*version));
        }
        let recorded = self.recorded_migrations().await?;
        expand::state(known.count() - known.later.len() - applied.len(), &known.later, known.newest(), &recorded)
    }

    /// Applies what is missing. How many migrations that were. `keys` seal the beginning of the audit trail.
    pub async fn migrate(&self, keys: &AuditKeys) -> Result<usize, StartError> {
        let missing = match self.migration_state().await? {
            // The lock that migrations need holds nodes up, and a pooler may not pass it on.
            MigrationState::Current | MigrationState::Ahead(_) => return Ok(0),
            MigrationState::Behind(missing) => missing,
        };
        match &self.db.pools {
            Pools::Postgres(pool) => migrate_postgres(pool, keys).await,
            Pools::Sqlite { writer, .. } => migrate_sqlite(writer, keys).await,
        }
        .map_err(StartError::Migration)?;
        Ok(missing)
    }

    /// Refuses a database whose tables this program can't use.
    pub async fn require_current(&self) -> Result<(), StartError> {
        match self.migration_state().await? {
            MigrationState::Current | MigrationState::Ahead(_) => Ok(()),
            MigrationState::Behind(missing) => Err(StartError::Behind(missing)),
        }
    }

    async fn recorded_migrations(&self) -> Result<Vec<Recorded>, StoreError> {
        match sql!(self.db.write().await?, all Recorded, expand::RECORDED) {
            Err(error) if error.is_of_missing_table() => Ok(Vec::new()),
            recorded => recorded,
        }
    }

    fn migrations(&self) -> &'static Migrations {
        match &self.db.pools {
            Pools::Postgres(_) => &POSTGRES,
            Pools::Sqlite { .. } => &SQLITE,
        }
    }

    async fn require_engine_version(&self) -> Result<(), StartError> {
        if self.is_embedded() {
            return Ok(());
        }
        match sql!(self.db.write().await?, optional VersionRow, POSTGRES_VERSION)? {
            Some(version) if version.number < OLDEST_POSTGRES => Err(StartError::TooOld(version.name)),
            _ => Ok(()),
        }
    }
}

/// A connection of its own waits for the migration lock, as long as another node migrates. The migrations themselves
/// give up on a locked table as any statement does, since the whole server would queue behind them.
async fn migrate_postgres(pool: &PgPool, keys: &AuditKeys) -> Result<(), MigrateError> {
    let mut lock = PgConnection::connect_with(&pool.connect_options()).await?;
    sqlx::raw_sql(LOCK_WAIT).execute(&mut lock).await?;
    loop {
        match lock.lock().await {
            Err(MigrateError::Execute(error)) if is_lock_timeout(&error) => {}
            locked => break locked?,
        }
    }
    let migrated = async {
        POSTGRES.first.run(pool).await?;
        expand::apply_postgres(&mut *pool.acquire().await?, &POSTGRES.later, keys).await
    };
    let migrated = migrated.await;
    // The lock ends with its connection, however that ends.
    let _ = lock.close().await;
    migrated
}

/// SQLite has no lock for migrations. A process that loses a race finds one more migration applied, so it retries at
/// most once per migration.
async fn migrate_sqlite(writer: &SqlitePool, keys: &AuditKeys) -> Result<(), MigrateError> {
    let run = async || {
        SQLITE.first.run(writer).await?;
        expand::apply_sqlite(&mut *writer.acquire().await?, &SQLITE.later, keys).await
    };
    let mut done = run().await;
    for _ in 0..SQLITE.count() {
        if !matches!(done, Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..) | MigrateError::Source(_)))
        {
            break;
        }
        done = run().await;
    }
    done
}
