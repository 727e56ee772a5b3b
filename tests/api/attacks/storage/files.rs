//! The files of the embedded database are their owner's alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;
use tokend::store::Store;

use crate::harness::{Engine, TestServer, trail_keys};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_are_their_owners_alone() {
    let server = TestServer::start(Engine::Sqlite).await;
    server.login().await.ok();
    let database = Path::new(server.database.url.strip_prefix("sqlite:").expect("a path"));
    let directory = database.parent().expect("a directory");
    assert_eq!(mode(directory), 0o700);
    let files: Vec<_> = fs::read_dir(directory).expect("it can be read").map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "the database, its log and the log's index: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// Directories that are made on the way are as private as the last one; those that were there keep their modes.
#[tokio::test]
async fn a_directory_that_is_made_is_private() {
    let directory = TempDir::new().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("the mode is set");
    let path = directory.path().join("a/b/tokend.db");
    let store = Store::open_sqlite(&path).await.expect("it opens");
    store.migrate(&trail_keys()).await.expect("it migrates");
    store.close().await;
    assert_eq!(mode(directory.path()), 0o755);
    assert_eq!((mode(&directory.path().join("a")), mode(&directory.path().join("a/b"))), (0o700, 0o700));
    assert_eq!(mode(&path), 0o600);
}
