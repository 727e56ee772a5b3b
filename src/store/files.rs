//! The embedded database's files, as they were opened. A restore or a new mount puts other files in their place while the server
//! runs: it would go on with the old ones, which nobody finds again.

use std::fmt::{self, Display};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::Mutex;

use super::Store;
use super::db::Db;
use super::sqlite;

/// A statement that makes SQLite open its log.
const OPEN_LOG: &str = "SELECT count(*) FROM sqlite_master";

/// The files that are open, and a connection that keeps them so: when the last one closes, SQLite removes the log, and the next one
/// makes another.
#[derive(Debug)]
pub(super) struct Files {
    opened: Vec<Opened>,
    keeper: Mutex<Option<SqliteConnection>>,
}

#[derive(Debug)]
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

impl Files {
    /// Opens them once more, and notes which they are.
    pub(super) async fn open(path: &Path, options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut keeper = sqlite::reading(options.clone()).connect().await?;
        sqlx::query(OPEN_LOG).execute(&mut keeper).await?;
        let opened = ["", "-wal", "-shm"].into_iter().filter_map(|suffix| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            let path = PathBuf::from(name);
            let identity = identity(&path).ok()?;
            Some(Opened { path, identity })
        });
        Ok(Self { opened: opened.collect(), keeper: Mutex::new(Some(keeper)) })
    }

    /// The first file that isn't where it was opened.
    pub(super) fn missing(&self) -> Option<Missing> {
        self.opened.iter().find_map(|Opened { path, identity: opened }| {
            let is_replaced = match identity(path) {
                Ok(found) if found == *opened => return None,
                Ok(_) => true,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => false,
                // Nobody knows, and it was there.
                Err(_) => return None,
            };
            Some(Missing { path: path.clone(), is_replaced })
        })
    }

    pub(super) async fn close(&self) {
        if let Some(keeper) = self.keeper.lock().await.take() {
            let _ = keeper.close().await;
        }
    }
}

fn identity(path: &Path) -> std::io::Result<Identity> {
    fs::metadata(path).map(|file| Identity(file.dev(), file.ino()))
}

impl Store {
    /// Looks whether the embedded database's files are where they were opened; until they are, every statement is refused. What
    /// is missing.
    pub async fn look_at_files(&self) -> Option<Missing> {
        let Db::Sqlite { files, condition, .. } = &self.db else { return None };
        let files = std::sync::Arc::clone(files);
        // A file system may be slow to answer.
        let missing = tokio::task::spawn_blocking(move || files.missing()).await.ok()?;
        condition.set_gone(missing.is_some());
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_missing_until_the_same_one_is_back() {
        let directory = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (directory.path().join("database"), directory.path().join("elsewhere"));
        fs::write(&path, "one").unwrap();
        let opened = vec![Opened { path: path.clone(), identity: identity(&path).unwrap() }];
        let files = Files { opened, keeper: Mutex::default() };
        assert_eq!(files.missing(), None);
        fs::rename(&path, &elsewhere).unwrap();
        assert_eq!(files.missing(), Some(Missing { path: path.clone(), is_replaced: false }));
        fs::write(&path, "two").unwrap();
        assert_eq!(files.missing(), Some(Missing { path: path.clone(), is_replaced: true }));
        fs::rename(&elsewhere, &path).unwrap();
        assert_eq!(files.missing(), None);
    }
}
