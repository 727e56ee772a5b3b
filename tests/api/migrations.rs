//! Nodes that start at once on a database that none of them has migrated yet.

use std::time::Duration;

use sqlx::migrate::Migrate as _;
use sqlx::{Connection as _, PgConnection};
use tokend::store::{MigrationState, PoolSize, StartError, Store};
use tokio::task::JoinSet;

use crate::harness::{Database, Engine, new_database, on_both_databases, trail_keys};

const POOL: PoolSize = PoolSize { max_connections: 2, acquire_timeout: Duration::from_secs(10) };

const IS_WAITED_FOR: &str = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("PostgreSQL answers")
}

/// A migration of much takes longer than a statement waits for somebody's lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_migrates_second_waits_for_as_long_as_the_first_takes() {
    let url = new_database("").await;
    let (mut first, mut impatient) = (connect(&url).await, connect(&url).await);
    first.lock().await.expect("nobody else migrates");
    let store = Store::open_postgres(&url, POOL).await.expect("PostgreSQL opens");
    let second = tokio::spawn({
        let store = store.clone();
        async move { store.migrate(&trail_keys()).await }
    });
    while !sqlx::query_scalar::<_, bool>(IS_WAITED_FOR).fetch_one(&mut impatient).await.expect("it answers") {
        tokio::task::yield_now().await;
    }
    // It began to wait later than the second node did, with the patience of a statement.
    sqlx::raw_sql("SET lock_timeout = '2s'").execute(&mut impatient).await.expect("it is set");
    impatient.lock().await.expect_err("it is held");
    first.unlock().await.expect("it is free");
    assert!(second.await.expect("it ends").expect("it is migrated") > 0);
    assert_eq!(store.migration_state().await.expect("it is read"), MigrationState::Current);
}

on_both_databases!(
    version_0_1_0_finds_only_the_migrations_that_it_knows,
    an_older_version_starts_on_a_compatible_newer_schema_and_refuses_any_other
);

/// It refuses to start when it finds any other.
async fn version_0_1_0_finds_only_the_migrations_that_it_knows(engine: Engine) {
    let database = Database::new(engine).await;
    let known = if engine == Engine::Sqlite { "sqlite" } else { "postgres" };
    let applied = database.ask_texts("SELECT CAST(version AS TEXT) FROM _sqlx_migrations ORDER BY version").await;
    assert_eq!(applied, ["1", "2", "3", "4", "5"], "{known}");
    let later = database.ask_texts("SELECT CAST(version AS TEXT) FROM schema_migrations ORDER BY version").await;
    assert_eq!(later.first().map(String::as_str), Some("6"));
    let incompatible = "SELECT CAST(version AS TEXT) FROM schema_migrations WHERE compatible_from > 5";
    assert_eq!(database.ask_texts(incompatible).await, [""; 0]);
}

async fn an_older_version_starts_on_a_compatible_newer_schema_and_refuses_any_other(engine: Engine) {
    let database = Database::new(engine).await;
    let newest = database.ask_texts("SELECT CAST(max(version) AS TEXT) FROM schema_migrations").await.remove(0);
    database
        .execute(&format!("INSERT INTO schema_migrations (version, compatible_from) VALUES (9000, {newest})"))
        .await;
    let store = &database.store;
    assert_eq!(store.migration_state().await.expect("it is read"), MigrationState::Ahead(9000));
    store.require_current().await.expect("it can be used");
    assert_eq!(store.migrate(&trail_keys()).await.expect("there is nothing to do"), 0);
    database.execute("INSERT INTO schema_migrations (version, compatible_from) VALUES (9001, 9000)").await;
    assert!(matches!(store.migration_state().await, Err(StartError::Newer(9001))));
    store.migrate(&trail_keys()).await.expect_err("the schema is too new");
}

/// A node may lose the race for each migration to another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_migrate_one_file_at_once_all_find_it_migrated() {
    for _ in 0..8 {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("tokend.db");
        let mut nodes = JoinSet::new();
        for _ in 0..6 {
            let store = Store::open_sqlite(&path).await.expect("SQLite opens");
            nodes.spawn(async move { store.migrate(&trail_keys()).await.map(|_| store) });
        }
        for node in nodes.join_all().await {
            let state = node.expect("it is migrated").migration_state().await.expect("it is read");
            assert_eq!(state, MigrationState::Current);
        }
    }
}
