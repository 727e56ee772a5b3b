//! Notices when the embedded database's files are replaced while the server runs, by a restore or a new mount. The
//! server would go on writing to the deleted files, and all of that would be lost.

use std::fmt::{self, Display};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::Mutex;

use super::condition::{Condition, Unfit};
use super::sqlite;

/// A statement that makes SQLite open its log.
const OPEN_LOG: &str = "SELECT count(*) FROM sqlite_master";

/// The database's file as the first connection opened it.
#[derive(Debug)]
pub(in crate::store) struct Files {
    options: SqliteConnectOptions,
    database: Option<Opened>,
    keeper: Mutex<Option<Keeper>>,
}

/// A connection that keeps the log open for as long as the server runs: when the last one closes, SQLite removes the log, and the next
/// one makes another.
#[derive(Debug)]
struct Keeper {
    connection: SqliteConnection,
    opened: Vec<Opened>,
}

#[derive(Clone, Debug)]
struct Opened {
    path: PathBuf,
    identity: Identity,
}

/// A file's device and number, however it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

/// What happened to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Where it was.
    pub path: PathBuf,
    /// Whether another one is there.
    pub is_replaced: bool,
}

impl Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_replaced { "replaced" } else { "removed" };
        write!(f, "{} was {what}", self.path.display())
    }
}

impl Opened {
    fn at(path: PathBuf) -> Option<Self> {
        let identity = identity(&path).ok()?;
        Some(Self { path, identity })
    }

    /// Whether the file isn't where it was opened.
    fn is_missing(&self) -> Option<Missing> {
        let is_replaced = match identity(&self.path) {
            Ok(found) if found == self.identity => return None,
            Ok(_) => true,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => false,
            // Nobody knows, and it was there.
            Err(_) => return None,
        };
        Some(Missing { path: self.path.clone(), is_replaced })
    }
}

impl Files {
    /// Notes which file has just been opened.
    pub(in crate::store) fn of(options: SqliteConnectOptions) -> Self {
        let database = Opened::at(options.get_filename().to_owned());
        Self { options, database, keeper: Mutex::default() }
    }

    /// The files that must be where they were opened, with the log from the first time that this is asked.
    async fn opened(&self) -> Vec<Opened> {
        let mut keeper = self.keeper.lock().await;
        if keeper.is_none() {
            *keeper = Keeper::open(&self.options).await.ok();
        }
        self.database.iter().chain(keeper.iter().flat_map(|keeper| &keeper.opened)).cloned().collect()
    }

    /// Looks whether the files are where they were opened; until they are, every statement is refused. What is missing.
    pub(in crate::store) async fn look(&self, condition: &Condition) -> Option<Missing> {
        if condition.unfit() == Some(Unfit::Closed) {
            return None;
        }
        let opened = self.opened().await;
        // A file system may be slow to answer.
        let look = move || opened.iter().find_map(Opened::is_missing);
        let missing = tokio::task::spawn_blocking(look).await.ok()?;
        condition.set_file_replaced(missing.is_some());
        missing
    }

    pub(in crate::store) async fn close(&self) {
        if let Some(keeper) = self.keeper.lock().await.take() {
            let _ = keeper.connection.close().await;
        }
    }
}

impl Keeper {
    async fn open(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = sqlite::reading(options.clone()).connect().await?;
        sqlx::query(OPEN_LOG).execute(&mut connection).await?;
        let opened = ["-wal", "-shm"].into_iter();
        let opened = opened.filter_map(|suffix| Opened::at(sqlite::beside(options.get_filename(), suffix)));
        Ok(Self { connection, opened: opened.collect() })
    }
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    fs::metadata(path).map(|file| Identity(file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_missing_until_the_same_one_is_back() {
        let directory = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (directory.path().join("database"), directory.path().join("elsewhere"));
        fs::write(&path, "one").unwrap();
        let opened = Opened::at(path.clone()).unwrap();
        assert_eq!(opened.is_missing(), None);
        fs::rename(&path, &elsewhere).unwrap();
        assert_eq!(opened.is_missing(), Some(Missing { path: path.clone(), is_replaced: false }));
        fs::write(&path, "two").unwrap();
        assert_eq!(opened.is_missing(), Some(Missing { path: path.clone(), is_replaced: true }));
        fs::rename(&elsewhere, &path).unwrap();
        assert_eq!(opened.is_missing(), None);
    }
}
