//! How SQLite finds the rows of the hot statements. PostgreSQL's side is in `tests/api/plans.rs`: it counts what it does.

use sqlx::AssertSqlSafe;

use crate::store::Store;
use crate::store::engine::Handle;
use crate::store::revoked_tokens::living::LIVING_SQLITE;
use crate::store::sessions::exchanges::EXCHANGE_ALL_SQLITE;
use crate::store::sessions::reads::FIND_SQLITE;
use crate::store::sessions::rotations::{ROTATE_SQLITE, ROTATED_SQLITE};
use crate::store::sessions::tokens::{FIND_SQLITE as FIND_TOKENS_SQLITE, FIND_WITH_PROFILE_SQLITE};

/// Many sessions of one user, or none of anybody, as SQLite's statistics have it.
const STATISTICS: [&str; 3] = [
    "SELECT 1",
    "ANALYZE; INSERT INTO sqlite_stat1 VALUES ('sessions', 'sqlite_autoindex_sessions_1', '1000000 1'), \
     ('sessions', 'sessions_user_id', '1000000 1000000'), ('users', 'sqlite_autoindex_users_1', '1 1'); \
     ANALYZE sqlite_schema",
    "DELETE FROM sqlite_stat1; INSERT INTO sqlite_stat1 VALUES ('sessions', 'sqlite_autoindex_sessions_1', '1 1'), \
     ('users', 'sqlite_autoindex_users_1', '1000000 1'); ANALYZE sqlite_schema",
];

#[tokio::test]
async fn sqlite_goes_from_the_items_to_their_rows_by_index() {
    let directory = tempfile::TempDir::new().unwrap();
    let store = Store::open_sqlite(&directory.path().join("tokend.db")).await.unwrap();
    store.migrate(&crate::audit::AuditKeys::new([&[7; 32]])).await.unwrap();
    let mut connection = store.db.write().await.unwrap();
    let Handle::Sqlite(connection) = connection.handle() else { unreachable!() };
    for statistics in STATISTICS {
        sqlx::raw_sql(statistics).execute(&mut *connection).await.unwrap();
        for statement in [
            &FIND_SQLITE,
            &FIND_TOKENS_SQLITE,
            &FIND_WITH_PROFILE_SQLITE,
            &EXCHANGE_ALL_SQLITE,
            &ROTATE_SQLITE,
            &ROTATED_SQLITE,
            &LIVING_SQLITE,
        ]
        .into_iter()
        .flat_map(|of| [of.of(2), of.of(256)])
        {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let plan = sqlx::query_as::<_, (i64, i64, i64, String)>(explain).fetch_all(&mut *connection).await.unwrap();
            let steps: Vec<String> = plan.into_iter().map(|(_, _, _, detail)| detail).collect();
            let is_scan = |step: &&String| step.starts_with("SCAN");
            let is_of_items = |step: &String| {
                ["SCAN k", "SCAN e", "SCAN r", "SCAN 2-ROW", "SCAN 256-ROW"].iter().any(|scan| step.starts_with(scan))
            };
            assert!(steps.iter().any(|step| step.contains(" USING INDEX sqlite_autoindex_")), "{steps:?}");
            assert!(steps.iter().filter(is_scan).all(is_of_items), "{statistics}: {steps:?}");
        }
    }
}
