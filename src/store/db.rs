//! One SQL text for two databases: an enum of two pools, and the macro that runs a statement on whichever it is.

mod connection;
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{PgPool, SqlitePool};

pub use self::connection::Connection;
pub(super) use self::connection::{Handle, Unit};
use super::again::again;
use super::audit_events::AuditLog;
use super::condition::Condition;
use super::error::is_read_only;
use super::files::Files;
use super::journal::Journal;
use super::sessions::Hot;
use super::{CopyError, PoolSize, StartError, StoreError, postgres, sqlite};

type Text = (String,);

/// How long closing may take.
const CLOSE: Duration = Duration::from_secs(5);

/// Runs one SQL text with one bind list on a [`Connection`] or [`Unit`] of either database.
///
/// `sql!(connection, execute, SQL, binds..)` gives the number of rows, `sql!(connection, optional Row, SQL, binds..)` an
/// `Option<Row>`, and `all Row` a `Vec<Row>`.
macro_rules! sql {
    ($on:expr, execute, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $on.handle() {
            $crate::store::db::Handle::Postgres(on) =>
                sqlx::query($sql)$(.bind($bind))*.execute(on).await.map(|done| done.rows_affected()),
            $crate::store::db::Handle::Sqlite(on) =>
                sqlx::query($sql)$(.bind($bind))*.execute(on).await.map(|done| done.rows_affected()),
        }
        .map_err($crate::store::StoreError::from)
    };
    ($on:expr, optional $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::db::sql!(@rows $on, fetch_optional, $row, $sql $(, $bind)*)
    };
    ($on:expr, all $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::db::sql!(@rows $on, fetch_all, $row, $sql $(, $bind)*)
    };
    (@rows $on:expr, $fetch:ident, $row:ty, $sql:expr $(, $bind:expr)*) => {
        match $on.handle() {
            $crate::store::db::Handle::Postgres(on) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.$fetch(on).await,
            $crate::store::db::Handle::Sqlite(on) =>
                sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.$fetch(on).await,
        }
        .map_err($crate::store::StoreError::from)
    };
}
pub(super) use sql;

/// Everything that is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) db: Db,
    pub(super) hot: Hot,
    pub(super) audit: AuditLog,
    pub(super) journal: Journal,
}

#[derive(Clone, Debug)]
pub(super) enum Db {
    Postgres(PostgresDb),
    Sqlite { writer: SqlitePool, readers: SqlitePool, files: Arc<Files>, condition: Condition },
}

/// PostgreSQL's pool.
#[derive(Clone, Debug)]
pub(super) struct PostgresDb {
    pub(super) pool: PgPool,
    condition: Condition,
}

impl Store {
    /// Opens the embedded database, making the file (mode 0600) and its directory (mode 0700) when they aren't there.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StartError> {
        sqlite::make_private(path)?;
        Self::open_sqlite_by(path, sqlite::options(path)).await
    }

    async fn open_sqlite_by(path: &Path, options: SqliteConnectOptions) -> Result<Self, StartError> {
        let options = options.journal_mode(SqliteJournalMode::Wal).optimize_on_close(true, None);
        let store = Self::connect_sqlite(path, options).await?;
        match store.try_to_write().await {
            Err(StoreError::Unavailable(cause)) if is_read_only(&cause) => {
                Err(StartError::ReadOnly(path.display().to_string()))
            }
            // Somebody else may be writing at this moment.
            _ if store.is_write_ahead().await => Ok(store),
            _ => Err(StartError::NoWal(path.display().to_string())),
        }
    }

    /// SQLite opens a file that it can't write to for reading, and doesn't look again when that has changed.
    async fn try_to_write(&self) -> Result<(), StoreError> {
        let mut unit = self.begin().await?;
        // Rolled back when it is dropped.
        sql!(unit, execute, "PRAGMA user_version = 0")?;
        Ok(())
    }

    /// In a network file system, for one, SQLite stays in another mode without a word. It gives no answer while another process
    /// opens or closes the database.
    async fn is_write_ahead(&self) -> bool {
        let Ok(mut connection) = self.write().await else { return true };
        let mode = sql!(connection, optional Text, "PRAGMA journal_mode");
        !matches!(mode, Ok(Some((mode,))) if mode != "wal")
    }

    /// Opens the embedded database as it is; `None` when it isn't there. Makes nothing, sets nothing.
    pub async fn open_existing_sqlite(path: &Path) -> Result<Option<Self>, StartError> {
        if path.exists() { Self::connect_sqlite(path, sqlite::options(path)).await.map(Some) } else { Ok(None) }
    }

    async fn connect_sqlite(path: &Path, options: SqliteConnectOptions) -> Result<Self, StartError> {
        let unreachable = |cause| StartError::Unreachable { name: path.display().to_string(), cause };
        let writer = sqlite::writer(options.clone()).await.map_err(unreachable)?;
        let files = Arc::new(Files::of(options.clone()));
        let readers = sqlite::readers(options);
        Ok(Self::new(Db::Sqlite { writer, readers, files, condition: Condition::default() }))
    }

    /// Connects to PostgreSQL. `url` is as libpq has it; its password is never shown.
    pub async fn open_postgres(url: &str, size: PoolSize) -> Result<Self, StartError> {
        let condition = Condition::default();
        let pool = postgres::open(url, size, &condition).await?;
        Ok(Self::new(Db::Postgres(PostgresDb { pool, condition })))
    }

    fn new(db: Db) -> Self {
        let audit = AuditLog::default();
        Self { hot: Hot::start(&db, &audit), db, audit, journal: Journal::default() }
    }

    /// The same store with lanes of its own for what says whether access tokens live, run by the runtime that this is called on.
    #[must_use]
    pub fn on_this_thread(&self) -> Self {
        Self { hot: self.hot.on_this_thread(&self.db), ..self.clone() }
    }

    /// Closes what a store has that was made by [`Store::on_this_thread`], and nothing that it shares.
    pub async fn close_own(&self) {
        self.hot.close_own().await;
    }

    /// Whether this is the embedded database.
    pub fn is_embedded(&self) -> bool {
        matches!(self.db, Db::Sqlite { .. })
    }

    /// Copies the embedded database, as it is at one moment, into a file that isn't there yet.
    pub async fn copy_to(&self, file: &Path) -> Result<(), CopyError> {
        let Db::Sqlite { writer, .. } = &self.db else { return Err(CopyError::NotEmbedded) };
        sqlite::copy(SqliteConnectOptions::clone(&writer.connect_options()), file).await
    }

    /// Closes every connection, after the statements that are running, but doesn't wait for ever.
    pub async fn close(&self) {
        self.hot.close();
        self.db.close().await;
    }

    pub(super) async fn read(&self) -> Result<Connection, StoreError> {
        self.db.read().await
    }

    pub(super) async fn write(&self) -> Result<Connection, StoreError> {
        self.db.write().await
    }

    pub(super) async fn begin(&self) -> Result<Unit, StoreError> {
        self.db.begin().await
    }

    /// Begins a transaction that only reads, and sees one moment.
    pub(super) async fn begin_snapshot(&self) -> Result<Unit, StoreError> {
        self.db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN", false).await
    }
}

/// A connection that can't be had is an outage whatever the reason: no such database, nobody let in, a wrong password.
///
/// The driver's futures that wait for one take 4 KiB, which would be moved about with every request's if they weren't boxed.
impl Db {
    /// The same database with so many connections to read by that nobody else has. They are opened when they are needed, by
    /// whoever needs them: a connection is served by the thread that opened it.
    pub(super) fn for_lanes(&self, connections: u32) -> Self {
        match self {
            Self::Postgres(PostgresDb { pool, condition }) => {
                let options = pool.options().clone().max_connections(connections);
                let pool = options.connect_lazy_with(PgConnectOptions::clone(&pool.connect_options()));
                Self::Postgres(PostgresDb { pool, condition: condition.clone() })
            }
            Self::Sqlite { writer, readers, files, condition } => {
                let options = readers.options().clone().max_connections(connections);
                let readers = options.connect_lazy_with(SqliteConnectOptions::clone(&readers.connect_options()));
                Self::Sqlite { writer: writer.clone(), readers, files: Arc::clone(files), condition: condition.clone() }
            }
        }
    }

    pub(super) fn condition(&self) -> &Condition {
        match self {
            Self::Postgres(PostgresDb { condition, .. }) | Self::Sqlite { condition, .. } => condition,
        }
    }

    /// How long a statement waits for its turn.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Postgres(postgres) => postgres.pool.options().get_acquire_timeout(),
            Self::Sqlite { writer, .. } => writer.options().get_acquire_timeout(),
        }
    }

    /// Closes every connection, after the statements that are running.
    pub(super) async fn close(&self) {
        self.condition().close();
        if let Self::Sqlite { writer, readers, files, .. } = self {
            in_time(readers.close()).await;
            in_time(files.close()).await;
            in_time(writer.close()).await;
        } else {
            self.close_lanes().await;
        }
    }

    /// As [`Db::close`], but SQLite's writer is everybody's.
    pub(super) async fn close_lanes(&self) {
        match self {
            Self::Postgres(postgres) => in_time(postgres.pool.close()).await,
            Self::Sqlite { readers, .. } => in_time(readers.close()).await,
        }
    }

    pub(super) async fn read(&self) -> Result<Connection, StoreError> {
        self.connection(false).await
    }

    /// As [`Db::read`], but the connection has just shown that it lives, however lately it was used.
    pub(super) async fn read_surely(&self) -> Result<Connection, StoreError> {
        loop {
            let mut connection = self.read().await?;
            if connection.lives(self.condition()).await {
                return Ok(connection);
            }
        }
    }

    pub(super) async fn write(&self) -> Result<Connection, StoreError> {
        self.connection(true).await
    }

    async fn connection(&self, writes: bool) -> Result<Connection, StoreError> {
        let condition = self.condition();
        condition.require_present()?;
        match self {
            Self::Postgres(postgres) => {
                condition.wait(Box::pin(postgres.pool.acquire())).await.map(Connection::Postgres)
            }
            Self::Sqlite { writer, .. } if writes => {
                condition.wait(Box::pin(writer.acquire())).await.map(Connection::Sqlite)
            }
            Self::Sqlite { readers, .. } => condition.wait(Box::pin(readers.acquire())).await.map(Connection::Sqlite),
        }
        .map_err(StoreError::unavailable)
    }

    /// Begins a transaction. SQLite takes its write lock at once: an upgrade later could fail half-way. On PostgreSQL
    /// each statement has to see what others have committed by then, whatever the server's default is: the end of a user's
    /// sessions has to see the session of a sign-in that it waited for.
    pub(super) async fn begin(&self) -> Result<Unit, StoreError> {
        self.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN IMMEDIATE", true).await
    }

    async fn begin_with(&self, postgres: &'static str, sqlite: &'static str, writes: bool) -> Result<Unit, StoreError> {
        // Until it has begun nothing was done.
        again(self.condition(), || async {
            let condition = self.condition();
            condition.require_present()?;
            match self {
                Self::Postgres(db) => condition.wait(Box::pin(db.pool.begin_with(postgres))).await.map(Unit::Postgres),
                Self::Sqlite { writer, .. } if writes => {
                    condition.wait(Box::pin(writer.begin_with(sqlite))).await.map(Unit::Sqlite)
                }
                Self::Sqlite { readers, .. } => {
                    condition.wait(Box::pin(readers.begin_with(sqlite))).await.map(Unit::Sqlite)
                }
            }
            .map_err(StoreError::unavailable)
        })
        .await
    }
}

/// Nobody waits for ever for connections to be given back.
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
        let refused = Store::open_sqlite_by(&path, without_memory).await;
        assert!(matches!(refused, Err(StartError::NoWal(_))), "{refused:?}");
        Store::open_sqlite_by(&path, sqlite::options(&path)).await.unwrap();
    }
}
