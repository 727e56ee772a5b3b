//! How requests reach their rows: by an index, whatever the tables hold, and without leaving anything behind in them.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokend::domain::SessionId;
use tokend::store::{PoolSize, Store};
use tokio::task::JoinSet;

use crate::harness::{Answer, C1, Engine, P1, RS1, START, TestServer, on_both_databases, run_sql_in};

/// How many rows others have in each table. Nobody has analysed it: a plan must not need that.
const OTHERS: u32 = 3_000;

/// How often the statistics are asked for, which PostgreSQL writes when a connection ends, or soon after.
const LOOKS: usize = 20_000;

struct Activity {
    table: String,
    sequential_scans: i64,
    updates: i64,
    updates_in_place: i64,
    fetched_by_index: i64,
}

/// The columns of [`Activity`], in its order.
type Columns = (String, i64, i64, i64, i64);

impl From<Columns> for Activity {
    fn from((table, sequential_scans, updates, updates_in_place, fetched_by_index): Columns) -> Self {
        Self { table, sequential_scans, updates, updates_in_place, fetched_by_index }
    }
}

/// PostgreSQL's count of what happened to the tables that requests read, once it knows of so many updates of sessions.
async fn activity(url: &str, updates: i64) -> Vec<Activity> {
    let mut connection = PgConnection::connect(url).await.expect("the database answers");
    for _ in 0..LOOKS {
        let statistics = "SELECT relname::text AS table, seq_scan AS sequential_scans, n_tup_upd AS updates, \
             n_tup_hot_upd AS updates_in_place, idx_tup_fetch AS fetched_by_index FROM pg_stat_user_tables \
             WHERE relname IN ('sessions', 'users', 'revoked_tokens') ORDER BY relname";
        let tables: Vec<Columns> = sqlx::query_as(statistics).fetch_all(&mut connection).await.expect("statistics");
        let tables: Vec<Activity> = tables.into_iter().map(Activity::from).collect();
        if tables.iter().any(|table| table.table == "sessions" && table.updates >= updates) {
            return tables;
        }
    }
    panic!("PostgreSQL has not written that {updates} sessions were updated")
}

/// Where a session's row is, and which transactions wrote or held it.
async fn version_of(url: &str, session: SessionId) -> String {
    let mut connection = PgConnection::connect(url).await.expect("the database answers");
    let version = "SELECT ctid || ' ' || xmin || ' ' || xmax FROM sessions WHERE id = $1";
    sqlx::raw_sql("SET enable_seqscan = off").execute(&mut connection).await.expect("it is set");
    sqlx::query_scalar(version).bind(session.0).fetch_one(&mut connection).await.expect("the row")
}

async fn size_of_sessions(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.expect("the database answers");
    let size = "SELECT pg_relation_size('sessions') + pg_indexes_size('sessions')";
    sqlx::query_scalar(size).fetch_one(&mut connection).await.expect("a size")
}

async fn fill(server: &TestServer) {
    for statement in [
        format!(
            "INSERT INTO users (id, username, claims, credentials_version, created_at) \
             SELECT gen_random_uuid(), 'user' || n, '{{}}', 1, 0 FROM generate_series(1, {OTHERS}) n"
        ),
        format!("INSERT INTO revoked_tokens SELECT gen_random_uuid(), 2000000000 FROM generate_series(1, {OTHERS}) n"),
    ] {
        run_sql_in(&server.database.url, statement).await;
    }
}

/// Sessions of bob, as many as fill a page of the table and more.
async fn fill_a_page(server: &TestServer) {
    let statement = format!(
        "INSERT INTO sessions (id, user_id, client_id, scope, audience, generation, current_hash, rotated_at, created_at, \
         auth_time, last_used_at, idle_expires_at, expires_at) SELECT gen_random_uuid(), '{}', '{}', 'openid', '', 1, \
         decode(repeat('00', 32), 'hex'), 0, 0, 0, 0, 2000000000, 2000000000 FROM generate_series(1, 60) n",
        server.bob, C1.0
    );
    run_sql_in(&server.database.url, statement).await;
}

/// Several at a time, so that they go out as one statement.
async fn introspect_together(server: &TestServer, tokens: &[String]) {
    let mut requests = JoinSet::new();
    for token in tokens {
        let request = server.request(reqwest::Method::POST, "/introspect").basic_auth(RS1.0, Some(RS1.1));
        let request = request.form(&[("token", token)]);
        requests.spawn(async move { Answer::read(request.send().await.expect("an answer")).await });
    }
    for answer in requests.join_all().await {
        answer.active();
    }
}

#[tokio::test]
async fn a_refresh_updates_its_row_in_place_and_no_request_reads_a_table_from_end_to_end() {
    const SESSIONS: usize = 40;
    let server = TestServer::start(Engine::Postgres).await;
    // What is planned while the tables are empty is planned for good.
    let mut latest = server.login().await;
    introspect_together(&server, &vec![latest.access_token(); 16]).await;
    fill(&server).await;
    // One in each page, which has room for three more versions of it: as long as anybody in the cluster writes, PostgreSQL
    // may not give up the old ones.
    let mut tokens = Vec::new();
    for _ in 0..SESSIONS {
        tokens.push(server.login().await.refresh_token());
        fill_a_page(&server).await;
    }
    let before = size_of_sessions(&server.database.url).await;
    let first = tokens.first().expect("one").clone();
    for door in ["/token", "/refresh", "/token"] {
        for token in &mut tokens {
            let form = [("refresh_token", token.as_str()), ("grant_type", "refresh_token"), ("client_id", P1)];
            latest = server.post(door, if door == "/token" { &form } else { &form[..1] }).await;
            assert_eq!(latest.ok().header("refresh-verdict"), "rotate");
            *token = latest.refresh_token();
        }
    }
    // A retry holds no row and writes nothing.
    let session = server.app.refresh_keys.open(&first).expect("a token of ours").session_id;
    let version = version_of(&server.database.url, session).await;
    let form = [("refresh_token", first.as_str()), ("grant_type", "refresh_token"), ("client_id", P1)];
    assert_eq!(server.post("/token", &form).await.ok().header("refresh-verdict"), "replay");
    assert_eq!(version_of(&server.database.url, session).await, version);
    introspect_together(&server, &vec![latest.access_token(); 16]).await;
    server.get_with("/userinfo", &latest.access_token()).await.ok();
    let own = server.own_token(C1, &[]).await.access_token();
    introspect_together(&server, &vec![own; 16]).await;
    assert_eq!(size_of_sessions(&server.database.url).await, before, "refreshing takes no more room");
    let other = server.login().await;
    server.post("/logout", &[("refresh_token", &other.refresh_token())]).await.no_content();
    server.post("/login", &[("username", "nobody"), ("password", "wrong")]).await.refused(401, "invalid_grant");

    let updates = i64::try_from(3 * SESSIONS).expect("a number") + 1;
    server.app.store.close().await;
    for table in activity(&server.database.url, updates).await {
        assert_eq!(table.sequential_scans, 0, "of {}", table.table);
        // One that goes through a whole index fetches every row of the table each time. For each row of a filled page its
        // foreign key was looked up.
        let filled = if table.table == "users" { 60 * SESSIONS } else { 0 };
        let few = i64::try_from(10 * SESSIONS + 200 + filled).expect("a number");
        assert!(table.fetched_by_index < few, "{} rows of {}", table.fetched_by_index, table.table);
        if table.table == "sessions" {
            assert_eq!((table.updates, table.updates_in_place), (updates, updates));
        }
    }
}

/// What is kept for the statements that all run must not be all that there is.
#[tokio::test]
async fn a_pool_of_one_connection_serves_everybody() {
    let server = TestServer::start(Engine::Postgres).await;
    let session = server.session_of(&server.login().await.access_token()).await;
    let one = PoolSize { max_connections: 1, acquire_timeout: Duration::from_secs(2) };
    let store = Store::open_postgres(&server.database.url, one).await.expect("PostgreSQL opens");
    let client = C1.0.parse().expect("a client id");
    for _ in 0..3 {
        let (found, lives, registry) = tokio::join!(
            store.sessions().find(session),
            store.revoked_tokens().client_token_lives(&client, uuid::Uuid::nil(), START),
            store.registry().state()
        );
        assert!(found.expect("it is read").is_some() && lives.is_ok() && registry.is_ok());
        store.revoked_tokens().purge(START).await.expect("it is written");
    }
}

/// What lanes keep is not all that there is, however many of them are at work.
async fn every_lane_leaves_connections_for_everybody_else(engine: Engine) {
    let server = TestServer::start(engine).await;
    let latest = server.login().await;
    let own = server.own_token(C1, &[]).await.access_token();
    let latest = server.refresh(&latest.refresh_token()).await;
    for token in [latest.access_token(), latest.refresh_token(), own] {
        server.introspect(&token).await.active();
    }
    server.app.store.registry().state().await.expect("there is a connection left");
}

on_both_databases!(every_lane_leaves_connections_for_everybody_else);

/// One statement stores a sign-in and tells of it: PostgreSQL numbers those of a transaction, from 0 on.
#[tokio::test]
async fn a_sign_in_is_one_statement() {
    const STATEMENTS: &str = "SELECT (s.xmin = e.xmin AND s.xmin = c.xmin), s.cmin::text || e.cmin::text || c.cmin::text \
         FROM sessions s JOIN audit_events e ON e.session_id = s.id JOIN audit_chains c ON c.writer = e.writer WHERE s.id = $1";
    let server = TestServer::start(Engine::Postgres).await;
    // The first one finds no chain to tell it in, and opens one.
    server.login().await.ok();
    let mut connection = PgConnection::connect(&server.database.url).await.expect("the database answers");
    for _ in 0..3 {
        let session = server.session_of(&server.login().await.access_token()).await;
        let statements: (bool, String) =
            sqlx::query_as(STATEMENTS).bind(session.0).fetch_one(&mut connection).await.expect("it is stored and told");
        assert_eq!(statements, (true, "000".to_owned()));
    }
}
