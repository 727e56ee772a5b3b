//! Migrations: embedded, applied at start under the engine's lock, never backwards.

use std::sync::LazyLock;

use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::{Connection as _, PgConnection, PgPool, SqlitePool};

use super::db::{Db, sql};
use super::{StartError, Store, StoreError};

static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("migrations/postgres");
    // The driver's lock has the patience of the connection that migrates.
    migrations.set_locking(false);
    migrations
});
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// The oldest PostgreSQL that is supported, as `server_version_num` counts.
const OLDEST_POSTGRES: i64 = 140_000;

/// How the database's tables stand to this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// They are the ones that it knows.
    Current,
    /// So many migrations are missing.
    Behind(usize),
    /// This migration is unknown to it.
    Newer(i64),
}

#[derive(sqlx::FromRow)]
struct AppliedRow {
    version: i64,
}

#[derive(sqlx::FromRow)]
struct VersionRow {
    number: i64,
    name: String,
}

const APPLIED: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";

const POSTGRES_VERSION: &str =
    "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS number, current_setting('server_version') AS name";

impl Store {
    /// How many migrations an embedded database that isn't there lacks.
    pub fn embedded_migrations() -> usize {
        SQLITE.iter().count()
    }

    /// Compares the database's tables with what this program knows. Writes nothing.
    pub async fn migration_state(&self) -> Result<MigrationState, StartError> {
        self.require_engine_version().await?;
        let applied = match sql!(self.write().await?, all AppliedRow, APPLIED) {
            Err(StoreError::Failed(error)) if lacks_table(&error) => Vec::new(),
            applied => applied?,
        };
        let known = self.migrator();
        if let Some(row) = applied.iter().find(|row| !known.version_exists(row.version)) {
            return Ok(MigrationState::Newer(row.version));
        }
        Ok(match known.iter().count().saturating_sub(applied.len()) {
            0 => MigrationState::Current,
            missing => MigrationState::Behind(missing),
        })
    }

    /// Applies what is missing. How many migrations that were.
    pub async fn migrate(&self) -> Result<usize, StartError> {
        let missing = match self.migration_state().await? {
            MigrationState::Newer(version) => return Err(StartError::Newer(version)),
            // The lock that migrations need holds nodes up, and a pooler may not pass it on.
            MigrationState::Current => return Ok(0),
            MigrationState::Behind(missing) => missing,
        };
        match &self.db {
            Db::Postgres(pool) => migrate_postgres(pool).await,
            Db::Sqlite { writer, .. } => migrate_sqlite(writer).await,
        }
        .map_err(StartError::Migration)?;
        Ok(missing)
    }

    /// Refuses a database whose tables aren't the ones that this program knows.
    pub async fn require_current(&self) -> Result<(), StartError> {
        match self.migration_state().await? {
            MigrationState::Current => Ok(()),
            MigrationState::Behind(missing) => Err(StartError::Behind(missing)),
            MigrationState::Newer(version) => Err(StartError::Newer(version)),
        }
    }

    fn migrator(&self) -> &'static Migrator {
        match &self.db {
            Db::Postgres(_) => &POSTGRES,
            Db::Sqlite { .. } => &SQLITE,
        }
    }

    async fn require_engine_version(&self) -> Result<(), StartError> {
        if self.is_embedded() {
            return Ok(());
        }
        match sql!(self.write().await?, optional VersionRow, POSTGRES_VERSION)? {
            Some(version) if version.number < OLDEST_POSTGRES => Err(StartError::TooOld(version.name)),
            _ => Ok(()),
        }
    }
}

/// Whoever migrates at the same time is waited for, as long as it takes, by a connection that has the lock and does nothing else.
/// What a migration itself has to wait for it gives up as any statement does: the whole server would wait behind it.
async fn migrate_postgres(pool: &PgPool) -> Result<(), MigrateError> {
    let mut lock = PgConnection::connect_with(&pool.connect_options()).await?;
    sqlx::raw_sql("SET lock_timeout = 0").execute(&mut lock).await?;
    lock.lock().await?;
    let migrated = POSTGRES.run(pool).await;
    // The lock ends with its connection, however that ends.
    let _ = lock.close().await;
    migrated
}

/// SQLite has no lock for migrations. Whoever loses a race finds one more applied the next time, so there are no more of them
/// to lose than there are migrations.
async fn migrate_sqlite(writer: &SqlitePool) -> Result<(), MigrateError> {
    let mut done = SQLITE.run(writer).await;
    for _ in SQLITE.iter() {
        if !matches!(done, Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))) {
            break;
        }
        done = SQLITE.run(writer).await;
    }
    done
}

fn lacks_table(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|cause| cause.code().as_deref() == Some("42P01") || cause.message().starts_with("no such table"))
}
