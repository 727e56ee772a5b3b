//! The pools of either database, and how connections and transactions are taken from them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Database, PgPool, Pool, SqlitePool};

use super::again::again;
use super::condition::Condition;
use super::connection::{Connection, Unit, sql};
use super::error::StoreError;
use super::files::Files;
use super::pool_size::{PoolSize, SHARED_CONNECTIONS};
use super::start_error::{CopyError, StartError};
use super::{postgres, sqlite};

/// How long closing may take.
const CLOSE: Duration = Duration::from_secs(5);

/// The connections to one database, and what is known of it. Clones share both.
#[derive(Clone, Debug)]
pub(in crate::store) struct Db {
    pub(in crate::store) pools: Pools,
    pub(in crate::store) condition: Condition,
    /// Whether each lane may keep a connection: a small pool would have none left for everybody else.
    pub(super) may_pin: bool,
}

#[derive(Clone, Debug)]
pub(in crate::store) enum Pools {
    Postgres(PgPool),
    Sqlite { writer: SqlitePool, readers: SqlitePool, files: Arc<Files> },
}

impl Db {
    /// Opens the embedded database, making the file (mode 0600) and its directory (mode 0700) when they aren't there.
    pub(in crate::store) async fn open_sqlite(path: &Path) -> Result<Self, StartError> {
        sqlite::require_no_log_alone(path)?;
        sqlite::make_private(path)?;
        Self::open_sqlite_by(path, sqlite::options(path)).await
    }

    async fn open_sqlite_by(path: &Path, options: SqliteConnectOptions) -> Result<Self, StartError> {
        let options = options.journal_mode(SqliteJournalMode::Wal).optimize_on_close(true, None);
        let db = Self::connect_sqlite(path, options).await?;
        match db.try_to_write().await {
            Err(error) if error.is_read_only() => Err(StartError::ReadOnly(path.display().to_string())),
            // Somebody else may be writing at this moment.
            _ if db.is_write_ahead().await => Ok(db),
            _ => Err(StartError::NoWal(path.display().to_string())),
        }
    }

    /// SQLite silently opens an unwritable file read-only, and stays read-only when its permissions change.
    async fn try_to_write(&self) -> Result<(), StoreError> {
        let mut unit = self.begin().await?;
        // Rolled back when it is dropped.
        sql!(unit, execute, "PRAGMA user_version = 0")?;
        Ok(())
    }

    /// SQLite silently keeps another journal mode where WAL is impossible, as on a network file system. No answer
    /// counts as WAL: another process may be opening or closing the database.
    async fn is_write_ahead(&self) -> bool {
        let Ok(mut connection) = self.write().await else { return true };
        let mode = sql!(connection, value String, "PRAGMA journal_mode");
        !matches!(mode, Ok(Some(mode)) if mode != "wal")
    }

    /// Opens the embedded database without changing anything. `None` if there is no file.
    pub(in crate::store) async fn open_existing_sqlite(path: &Path) -> Result<Option<Self>, StartError> {
        sqlite::require_no_log_alone(path)?;
        if path.exists() { Self::connect_sqlite(path, sqlite::options(path)).await.map(Some) } else { Ok(None) }
    }

    async fn connect_sqlite(path: &Path, options: SqliteConnectOptions) -> Result<Self, StartError> {
        let unreachable = |cause| StartError::Unreachable { name: path.display().to_string(), cause };
        let writer = sqlite::writer(options.clone()).await.map_err(unreachable)?;
        let files = Arc::new(Files::of(options.clone()));
        let readers = sqlite::readers(options);
        Ok(Self { pools: Pools::Sqlite { writer, readers, files }, condition: Condition::default(), may_pin: true })
    }

    /// Connects to PostgreSQL. `url` has libpq's format; no error shows its password.
    pub(in crate::store) async fn open_postgres(url: &str, size: PoolSize) -> Result<Self, StartError> {
        let condition = Condition::default();
        let pool = postgres::open(url, size, &condition).await?;
        Ok(Self { pools: Pools::Postgres(pool), condition, may_pin: size.max_connections >= SHARED_CONNECTIONS })
    }

    /// Copies a snapshot of the embedded database into a new file.
    pub(in crate::store) async fn copy_to(&self, file: &Path) -> Result<(), CopyError> {
        let Pools::Sqlite { writer, .. } = &self.pools else { return Err(CopyError::NotEmbedded) };
        sqlite::copy(SqliteConnectOptions::clone(&writer.connect_options()), file).await
    }
}

/// Every failure to get a connection is an outage, whatever its reason: no such database, no access, a wrong password.
///
/// The driver's futures that wait for a connection take 4 KiB. They are boxed to keep the requests' futures small.
impl Db {
    /// The same database with a pool of its own for reads. Connections are opened on demand by the thread that uses
    /// them, since a connection is driven by the thread that opened it.
    pub(in crate::store) fn for_lanes(&self, connections: u32) -> Self {
        let pools = match &self.pools {
            Pools::Postgres(pool) => Pools::Postgres(another(pool, connections)),
            Pools::Sqlite { writer, readers, files } => Pools::Sqlite {
                writer: writer.clone(),
                readers: another(readers, connections),
                files: Arc::clone(files),
            },
        };
        Self { pools, condition: self.condition.clone(), may_pin: true }
    }

    pub(in crate::store) async fn again<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        operation: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        again(&self.condition, operation).await
    }

    /// How long a statement waits for its turn.
    pub(in crate::store) fn patience(&self) -> Duration {
        match &self.pools {
            Pools::Postgres(pool) => pool.options().get_acquire_timeout(),
            Pools::Sqlite { writer, .. } => writer.options().get_acquire_timeout(),
        }
    }

    /// Closes every connection, after the statements that are running.
    pub(in crate::store) async fn close(&self) {
        self.condition.close();
        self.close_lanes().await;
        if let Pools::Sqlite { writer, files, .. } = &self.pools {
            in_time(files.close()).await;
            in_time(writer.close()).await;
        }
    }

    /// Closes the connections for reads. All stores of a process share SQLite's writer, so it stays open.
    pub(in crate::store) async fn close_lanes(&self) {
        match &self.pools {
            Pools::Postgres(pool) => in_time(pool.close()).await,
            Pools::Sqlite { readers, .. } => in_time(readers.close()).await,
        }
    }

    pub(in crate::store) async fn read(&self) -> Result<Connection, StoreError> {
        self.connection(false).await
    }

    /// As [`Db::read`], with a connection that has just answered.
    pub(in crate::store) async fn read_surely(&self) -> Result<Connection, StoreError> {
        loop {
            let mut connection = self.read().await?;
            if connection.lives(&self.condition).await {
                return Ok(connection);
            }
        }
    }

    pub(in crate::store) async fn write(&self) -> Result<Connection, StoreError> {
        self.connection(true).await
    }

    async fn connection(&self, writes: bool) -> Result<Connection, StoreError> {
        let condition = &self.condition;
        condition.require_present()?;
        match &self.pools {
            Pools::Postgres(pool) => condition.wait(Box::pin(pool.acquire())).await.map(Connection::Postgres),
            Pools::Sqlite { writer, readers, .. } => {
                let pool = if writes { writer } else { readers };
                condition.wait(Box::pin(pool.acquire())).await.map(Connection::Sqlite)
            }
        }
        .map_err(StoreError::unavailable)
    }

    /// Begins a read-only transaction on one snapshot.
    pub(in crate::store) async fn begin_snapshot(&self) -> Result<Unit, StoreError> {
        self.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN", false).await
    }

    /// Begins a transaction. SQLite takes its write lock at once, since upgrading a read lock later can fail.
    /// PostgreSQL runs it READ COMMITTED, whatever the server's default: the statement that ends a user's sessions must
    /// see the session of a sign-in whose lock it waited for.
    pub(in crate::store) async fn begin(&self) -> Result<Unit, StoreError> {
        self.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN IMMEDIATE", true).await
    }

    async fn begin_with(&self, postgres: &'static str, sqlite: &'static str, writes: bool) -> Result<Unit, StoreError> {
        // Before BEGIN has succeeded nothing was done, so it can be repeated.
        self.again(|| async {
            let condition = &self.condition;
            condition.require_present()?;
            match &self.pools {
                Pools::Postgres(pool) => condition.wait(Box::pin(pool.begin_with(postgres))).await.map(Unit::Postgres),
                Pools::Sqlite { writer, readers, .. } => {
                    let pool = if writes { writer } else { readers };
                    condition.wait(Box::pin(pool.begin_with(sqlite))).await.map(Unit::Sqlite)
                }
            }
            .map_err(StoreError::unavailable)
        })
        .await
    }
}

/// Another pool of the same kind to the same database.
fn another<D: Database>(pool: &Pool<D>, connections: u32) -> Pool<D> {
    let options = <D::Connection as sqlx::Connection>::Options::clone(&pool.connect_options());
    pool.options().clone().max_connections(connections).connect_lazy_with(options)
}

/// Bounds the wait for connections that are in use.
async fn in_time(closed: impl Future<Output = ()>) {
    if tokio::time::timeout(CLOSE, closed).await.is_err() {
        tracing::warn!("the database's connections could not be closed in time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQLite's way to lock by files has no shared memory, as a network file system has none.
    #[tokio::test]
    async fn a_place_where_sqlite_cannot_write_ahead_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("database");
        sqlite::make_private(&path).unwrap();
        let without_memory = sqlite::options(&path).vfs("unix-dotfile");
        let refused = Db::open_sqlite_by(&path, without_memory).await;
        assert!(matches!(refused, Err(StartError::NoWal(_))), "{refused:?}");
        Db::open_sqlite_by(&path, sqlite::options(&path)).await.unwrap();
    }
}
