//! `/health/ready` while sign-ins and revocations can't be stored, and after that. Whoever asks is answered from memory.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokend::store::{PoolSize, Store};

use super::load::{Rules, Site, furnish};
use crate::harness::{
    Answer, Database, Engine, Node, PASSWORD, Settings, TestServer, on_both_databases, run_sql, run_sql_in,
};

/// Longer than it takes to notice anything without being asked.
const PATIENCE: Duration = Duration::from_secs(40);

const POOL: PoolSize = PoolSize { max_connections: 16, acquire_timeout: Duration::from_secs(2) };

/// Waits until readiness has this status, by itself.
async fn becomes(server: &TestServer, status: u16) {
    let changes = async {
        while server.get("/health/ready").await.status != status {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, changes).await.unwrap_or_else(|_| panic!("it never becomes {status}"));
}

/// A server, and a node of it whose role owns nothing and was given every right. The role.
async fn with_a_role() -> (TestServer, TestServer, Node, String) {
    let server = TestServer::start(Engine::Postgres).await;
    let role = format!("role_{}", uuid::Uuid::new_v4().simple());
    let rights = format!("CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}");
    run_sql_in(&server.database.url, rights).await;
    let mut url = url::Url::parse(&server.database.url).expect("an address");
    url.set_username(&role).expect("it has a user");
    url.set_password(Some("x")).expect("it has a password");
    let node = server.another_node_at(url.as_str(), POOL, &Settings::default()).await;
    (server.at(&node), server, node, role)
}

/// An outage of the set-up, not a defect: 503, also in readiness, until the right is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_taken_away_is_503_until_it_is_given_back() {
    let (server, direct, _node, role) = with_a_role().await;
    server.login().await.ok();
    server.get("/health/ready").await.ok();
    run_sql_in(&direct.database.url, format!("REVOKE INSERT ON sessions FROM {role}")).await;
    server.login().await.refused(503, "temporarily_unavailable");
    server.get("/health/ready").await.refused(503, "temporarily_unavailable");
    let writable = async || server.app.render_metrics().contains("tokend_store_writable 1");
    let noticed = async {
        while writable().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.expect("the metric says so too");
    run_sql_in(&direct.database.url, format!("GRANT INSERT ON sessions TO {role}")).await;
    becomes(&server, 200).await;
    server.login().await.ok();
}

/// Nobody signs in, and so nobody meets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_noticed_without_a_request() {
    let (server, direct, _node, role) = with_a_role().await;
    run_sql_in(&direct.database.url, format!("REVOKE UPDATE ON sessions FROM {role}")).await;
    becomes(&server, 503).await;
    run_sql_in(&direct.database.url, format!("GRANT UPDATE ON sessions TO {role}")).await;
    becomes(&server, 200).await;
}

/// The probe asks for every right that a sign-in or a revocation needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_misses_each_right_that_is_missing() {
    let (server, direct, _node, role) = with_a_role().await;
    let store = &server.app.store;
    store.probe().await.expect("it is stored");
    for (right, table) in [
        ("INSERT", "sessions"),
        ("UPDATE", "sessions"),
        ("UPDATE", "users"),
        ("UPDATE", "clients"),
        ("UPDATE", "registry"),
        ("INSERT", "revoked_tokens"),
        ("INSERT", "sign_in_attempts"),
        ("UPDATE", "sign_in_attempts"),
        ("DELETE", "sign_in_attempts"),
        ("INSERT", "audit_events"),
        ("INSERT", "audit_chains"),
        ("UPDATE", "audit_chains"),
        ("UPDATE", "audit_register"),
    ] {
        run_sql_in(&direct.database.url, format!("REVOKE {right} ON {table} FROM {role}")).await;
        store.probe().await.expect_err("it is refused");
        assert!(store.unfit().is_some(), "{right} {table}");
        run_sql_in(&direct.database.url, format!("GRANT {right} ON {table} TO {role}")).await;
        store.probe().await.expect("it is stored");
        assert!(store.unfit().is_none(), "{right} {table}");
    }
}

async fn a_probe_leaves_nothing_behind(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.app.store.probe().await.expect("it is stored");
    let rows = "SELECT CAST(count(*) AS TEXT) FROM revoked_tokens";
    assert_eq!(server.database.ask_texts(rows).await, ["0"]);
}

on_both_databases!(a_probe_leaves_nothing_behind);

/// As on a standby, or when an administrator protects what is there: nothing is stored, and what is there can be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_read_only_is_read_and_not_ready() {
    let direct = TestServer::start(Engine::Postgres).await;
    let node = direct.another_node_at(&direct.database.url, POOL, &Settings::default()).await;
    let server = direct.at(&node);
    let tokens = server.login().await;
    let name = direct.database.url.rsplit('/').next().expect("a name").to_owned();
    run_sql(format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    run_sql(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
    server.login().await.refused(503, "temporarily_unavailable");
    server.get("/health/ready").await.refused(503, "temporarily_unavailable");
    let form = [("client_id", crate::harness::P1), ("token", &tokens.refresh_token())];
    server.post("/revoke", &form).await.refused(503, "temporarily_unavailable");
    server.introspect(&tokens.access_token()).await.active();
    run_sql(format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    becomes(&server, 200).await;
    // No connection is left that can only read.
    server.refresh(&tokens.refresh_token()).await.ok();
    for _ in 0..4 {
        server.login().await.ok();
    }
    server.post("/revoke", &form).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_somebody_holds_is_503_until_it_is_let_go() {
    let server = TestServer::start(Engine::Postgres).await;
    let mut other = PgConnection::connect(&server.database.url).await.expect("PostgreSQL answers");
    sqlx::raw_sql("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").execute(&mut other).await.expect("it is held");
    server.login().await.refused(503, "temporarily_unavailable");
    becomes(&server, 503).await;
    sqlx::raw_sql("COMMIT").execute(&mut other).await.expect("it is free");
    becomes(&server, 200).await;
    server.login().await.ok();
}

/// A connection that was made unusable by a change of a table is replaced within the request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_prepared_before_a_table_was_changed_harms_nobody() {
    let direct = TestServer::start(Engine::Postgres).await;
    let node = direct.another_node_at(&direct.database.url, POOL, &Settings::default()).await;
    let server = direct.at(&node);
    let tokens = server.login_as(crate::harness::C1).await;
    let mut refresh = server.exchange_as(crate::harness::C1, &tokens.refresh_token()).await.refresh_token();
    server.introspect(&tokens.access_token()).await.active();
    for (column, kind) in [("users ALTER COLUMN email", "VARCHAR"), ("sessions ALTER COLUMN scope", "VARCHAR")] {
        run_sql_in(&direct.database.url, format!("ALTER TABLE {column} TYPE {kind}")).await;
        refresh = server.exchange_as(crate::harness::C1, &refresh).await.refresh_token();
        server.introspect(&tokens.access_token()).await.active();
        server.get_with("/userinfo", &tokens.access_token()).await.ok();
        server.introspect(&refresh).await.active();
        server.login().await.ok();
    }
}

/// A connection comes back into the pool as it was when it was opened, or not at all. A trigger stands for whoever changes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_changes_on_a_connection_is_undone_before_its_next_use() {
    let database = Database::new(Engine::Postgres).await;
    let one = PoolSize { max_connections: 1, acquire_timeout: Duration::from_secs(10) };
    let store = Store::open_postgres(&database.url, one).await.expect("PostgreSQL opens");
    for changed in ["lock_timeout', '0'", "enable_seqscan', 'on'", "default_transaction_read_only', 'on'"] {
        let trigger = format!(
            "DROP TABLE IF EXISTS noted; CREATE TABLE noted (setting TEXT); \
             CREATE OR REPLACE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \
             INSERT INTO noted VALUES (current_setting('lock_timeout') || ' ' || current_setting('enable_seqscan')); \
             PERFORM set_config('{changed}, false); RETURN NEW; END$$; \
             CREATE OR REPLACE TRIGGER change BEFORE INSERT ON revoked_tokens FOR EACH ROW EXECUTE FUNCTION change()"
        );
        run_sql_in(&database.url, trigger).await;
        for _ in 0..3 {
            store.probe().await.expect("it is stored");
        }
        assert_eq!(database.ask_texts("SELECT DISTINCT setting FROM noted").await, ["2s off"], "{changed}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_503_until_there_is_room() {
    let database = Database::new(Engine::Sqlite).await;
    furnish(&database.store).await;
    database.store.close().await;
    let site = Arc::new(Site::start(&database.url, 1, Rules::default()));
    let http = reqwest::Client::new();
    let get = async || http.get(format!("{}/health/ready", site.base(0))).send().await.expect("an answer").status();
    let sign_in = async || {
        let form = [("username", "user-0"), ("password", PASSWORD)];
        Answer::read(http.post(format!("{}/login", site.base(0))).form(&form).send().await.expect("an answer")).await
    };
    sign_in().await.ok();
    assert_eq!(get().await, 200);
    site.limit_files(0, Some(4096));
    sign_in().await.refused(503, "temporarily_unavailable");
    assert_eq!(get().await, 503);
    site.limit_files(0, None);
    site.is_ready(0).await;
    sign_in().await.ok();
}
