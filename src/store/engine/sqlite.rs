//! The pools of connections to SQLite: one connection that writes, since SQLite has only one writer, and a few that read, which
//! never wait for it (WAL).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};

use super::pool_size::SQLITE_READERS;
use super::start_error::{CopyError, StartError};
use crate::private_file;

/// How long a writer of another process may hold SQLite before a statement gives up.
const BUSY: Duration = Duration::from_secs(5);

/// The connection that writes. It is opened at once, which makes the database if the options say so.
pub(in crate::store) async fn writer(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    pool(1).connect_with(options).await
}

/// Connections to read by. They are opened when they are needed.
pub(in crate::store) fn readers(options: SqliteConnectOptions) -> SqlitePool {
    pool(SQLITE_READERS).connect_lazy_with(reading(options))
}

/// How a connection reads. It can't optimize: that writes, and one that fails at it isn't waited for when it closes, so that the
/// last one to close finds it there, and leaves the log beside the database.
pub(in crate::store) fn reading(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.pragma("query_only", "ON").optimize_on_close(false, None)
}

/// How every connection to this database is set up.
pub(in crate::store) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

/// A file that SQLite keeps beside the database's, or beside the file that a symbolic link stands for.
pub(in crate::store) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let target = fs::read_link(database).map(|target| database.with_file_name("").join(target));
    let mut name = target.unwrap_or_else(|_| database.to_owned()).into_os_string();
    name.push(suffix);
    name.into()
}

/// Refuses a database that is missing or empty while its log is there: SQLite would delete the log. A database that is just being
/// made is empty and has a journal for a moment, but no write-ahead log.
pub(in crate::store) fn require_no_log_alone(path: &Path) -> Result<(), StartError> {
    let size = fs::metadata(path).ok().map(|file| file.len());
    let lost = |(suffix, is_lost)| Some(beside(path, suffix)).filter(|log| is_lost && log.exists());
    match [("-wal", size.unwrap_or(0) == 0), ("-journal", size.is_none())].into_iter().find_map(lost) {
        Some(log) => {
            Err(StartError::LogWithoutDatabase { database: path.display().to_string(), log: log.display().to_string() })
        }
        None => Ok(()),
    }
}

/// Makes the database file before SQLite does, since SQLite would make it readable for everybody.
pub(in crate::store) fn make_private(path: &Path) -> Result<(), StartError> {
    let cannot = |what| move |cause| StartError::NotMade { what, cause };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty() && !directory.exists())
    {
        let what = format!("directory {} for the database", directory.display());
        private_file::create_directory_of(path).map_err(cannot(what))?;
    }
    match private_file::create_new(path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
            Err(cannot(format!("database {}", path.display()))(cause))
        }
        _ => Ok(()),
    }
}

/// Copies a snapshot of a database into a new file. It only reads, so it blocks no writer.
pub(in crate::store) async fn copy(options: SqliteConnectOptions, file: &Path) -> Result<(), CopyError> {
    let made = private_file::create_new(file)?;
    let copied = copy_into(options, file).await;
    if copied.is_err() {
        // Half a copy is none, and the file was ours.
        let _ = fs::remove_file(file);
        return copied;
    }
    made.sync_all()?;
    // A new file is there after a power cut when its directory says so.
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(fs::File::open(directory)?.sync_all()?)
}

async fn copy_into(options: SqliteConnectOptions, file: &Path) -> Result<(), CopyError> {
    let mut connection = options.optimize_on_close(false, None).connect().await?;
    let name = file.to_str().ok_or(io::ErrorKind::InvalidFilename).map_err(io::Error::from)?;
    sqlx::query("VACUUM INTO $1").bind(name).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

fn pool(connections: u32) -> SqlitePoolOptions {
    let timeout = BUSY + Duration::from_secs(1);
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(timeout)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_out_of_transactions(connection)))
}

/// Whether a connection can begin another transaction. When the disk fails, SQLite may end a transaction by itself, and
/// the driver would never notice.
async fn is_out_of_transactions(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // What the last one left to be undone is undone first.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteJournalMode;
    use sqlx::{ConnectOptions as _, Connection as _};

    use super::{options, reading};

    /// What makes SQLite want to optimize: rows, an index, and a search by it.
    const ROWS: &str = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t (b);
        INSERT INTO t (b) SELECT hex(randomblob(8)) FROM json_each('[1,2,3,4,5,6,7,8]')";
    const SEARCH: &str = "SELECT count(*) FROM t WHERE b > '3'";

    #[tokio::test]
    async fn a_connection_that_reads_closes_in_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let options = options(&directory.path().join("database"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .optimize_on_close(true, None);
        let mut writer = options.clone().connect().await.expect("it opens");
        sqlx::raw_sql(ROWS).execute(&mut writer).await.expect("it writes");
        let mut reader = reading(options).connect().await.expect("it opens");
        sqlx::raw_sql(SEARCH).execute(&mut reader).await.expect("it reads");
        reader.close().await.expect("nothing is written");
        writer.close().await.expect("it is optimized");
    }
}
