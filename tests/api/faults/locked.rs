//! Somebody holds a whole table: each request is told so in time, however many there are, and then all is as before.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokend::store::PoolSize;

use crate::harness::{ADMIN, Answer, C1, Engine, P1, Settings, TestServer};

/// The default of `postgres.acquire_timeout`.
const ACQUIRE: Duration = Duration::from_secs(2);

/// [`ACQUIRE`] and the longest statement are 7 s; the rest is for a machine that is busy. It was 30 s.
const LONGEST: Duration = Duration::from_secs(14);

/// How many of each kind come at once.
const AT_ONCE: usize = 40;

async fn ask(server: &TestServer, number: usize, public: &Answer, confidential: &Answer) -> Answer {
    let (access, refresh) = (public.access_token(), public.refresh_token());
    match number % 8 {
        0 => server.refresh(&refresh).await,
        1 => server.exchange_as(C1, &confidential.refresh_token()).await,
        2 => server.introspect(&access).await,
        3 => server.get_with("/userinfo", &access).await,
        4 => server.login().await,
        5 => server.post("/logout", &[("refresh_token", &refresh)]).await,
        6 => server.post("/revoke", &[("client_id", P1), ("token", &refresh)]).await,
        _ => server.post_as(ADMIN, "/revoke", &[("sub", &server.alice.to_string())]).await,
    }
}

async fn is_answered_in_time(table: &'static str) {
    let direct = TestServer::start(Engine::Postgres).await;
    let pool = PoolSize { max_connections: 16, acquire_timeout: ACQUIRE };
    let node = direct.another_node_at(&direct.database.url, pool, &Settings::default()).await;
    let server = direct.at(&node);
    let (public, confidential) = (server.login().await, server.login_as(C1).await);
    let mut other = PgConnection::connect(&direct.database.url).await.expect("PostgreSQL answers");
    let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut other).await.expect("it is held");
    let requests = (0..8 * AT_ONCE).map(async |number| {
        let begun = Instant::now();
        let answer = ask(&server, number, &public, &confidential).await;
        answer.refused(503, "temporarily_unavailable");
        begun.elapsed()
    });
    let longest = join_all(requests).await.into_iter().max().expect("there are some");
    assert!(longest < LONGEST, "{longest:?} for {table}");
    sqlx::raw_sql("COMMIT").execute(&mut other).await.expect("it is free");
    for number in [2, 3, 4, 1, 0, 5] {
        let answer = ask(&server, number, &public, &confidential).await;
        assert!([200, 204].contains(&answer.status), "{number}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_sessions_that_somebody_holds_is_answered_in_time() {
    is_answered_in_time("sessions").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_tables_that_somebody_holds_are_answered_in_time() {
    is_answered_in_time("users, sessions, revoked_tokens, audit_chains, audit_events").await;
}
