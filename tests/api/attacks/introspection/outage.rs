//! Without its database the server says so. It never says what was true before, and forgets nothing that is true after.

use reqwest::Method;

use crate::harness::{
    Answer, Bystander, C1, Engine, P1, PASSWORD, RS1, Settings, TestServer, on_both_databases, run_sql,
};

/// Every request that needs the database, and its answer without one.
async fn assert_unavailable(server: &TestServer, public: &Bystander, confidential: &Bystander) {
    let refused = |answer: &Answer| {
        answer.refused(503, "temporarily_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{answer:?}");
    };
    for token in [&public.access, &public.refresh, &confidential.access, &confidential.refresh] {
        refused(&server.introspect(token).await);
        let owner = if *token == public.access || *token == public.refresh { P1 } else { C1.0 };
        let secret = if owner == P1 { vec![] } else { vec![("client_secret", C1.1)] };
        let form = [vec![("token", token.as_str()), ("client_id", owner)], secret].concat();
        refused(&server.post("/revoke", &form).await);
    }
    refused(&server.get_with("/userinfo", &public.access).await);
    refused(&server.refresh(&public.refresh).await);
    refused(&server.exchange_as(C1, &confidential.refresh).await);
    refused(&server.login().await);
    refused(&server.login_as(C1).await);
    refused(&server.post("/logout", &[("refresh_token", &public.refresh)]).await);
    refused(&server.send(server.request(Method::POST, "/logout").bearer_auth(&public.access)).await);
    refused(&server.get("/health/ready").await);
    server.get("/health/live").await.ok();
}

/// The connections are gone for good, as they are when the process is told to stop.
async fn closed_pools(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    server.app.store.close().await;
    assert_unavailable(&server, &public, &confidential).await;
}

/// PostgreSQL throws everybody out and lets nobody in, as in a failover or a restore.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_that_lets_nobody_in() {
    let server = TestServer::start(Engine::Postgres).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let database = server.database.url.rsplit('/').next().expect("a name").to_owned();
    run_sql(format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).await;
    run_sql(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")).await;
    assert_unavailable(&server, &public, &confidential).await;
    run_sql(format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")).await;
    server.app.registry.refresh().await.expect("the database is back");
    server.assert_lost_nothing(public).await;
    server.assert_lost_nothing(confidential).await;
}

/// The database has been dropped, or renamed: not a defect of the request, nor the end of its session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_without_the_database() {
    let server = TestServer::start(Engine::Postgres).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let database = server.database.url.rsplit('/').next().expect("a name").to_owned();
    run_sql(format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).await;
    run_sql(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")).await;
    run_sql(format!("ALTER DATABASE {database} RENAME TO {database}_away")).await;
    assert_unavailable(&server, &public, &confidential).await;
    run_sql(format!("ALTER DATABASE {database}_away RENAME TO {database}")).await;
    run_sql(format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")).await;
    server.app.registry.refresh().await.expect("the database is back");
    server.assert_lost_nothing(public).await;
    server.assert_lost_nothing(confidential).await;
}

/// A standby that only reads: what reads is answered, what would have to be stored is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_that_only_reads() {
    let server = TestServer::start(Engine::Postgres).await;
    let bystander = server.bystander().await;
    let database = server.database.url.rsplit('/').next().expect("a name").to_owned();
    run_sql(format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
    run_sql(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")).await;
    server.refresh(&bystander.refresh).await.refused(503, "temporarily_unavailable");
    server.login().await.refused(503, "temporarily_unavailable");
    for token in [&bystander.access, &bystander.refresh] {
        let revoked = server.post("/revoke", &[("client_id", P1), ("token", token)]).await;
        revoked.refused(503, "temporarily_unavailable");
    }
    server.introspect(&bystander.access).await.active();
    run_sql(format!("ALTER DATABASE {database} SET default_transaction_read_only = off")).await;
    run_sql(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")).await;
    server.assert_lost_nothing(bystander).await;
}

/// Another process holds the write lock of the embedded database. The exchange may happen after its time is up; then the
/// next try is a retry, and leads to the same place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_that_is_locked() {
    use sqlx::{Connection as _, SqliteConnection};

    let toml = format!("{}\nrequest_timeout = \"1s\"\n", Settings::default().toml);
    let server = TestServer::start_with(Engine::Sqlite, Settings { toml }).await;
    let bystander = server.bystander().await;
    let mut other = SqliteConnection::connect(&server.database.url).await.expect("it opens");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.expect("it is locked");
    server.refresh(&bystander.refresh).await.refused(503, "temporarily_unavailable");
    server.post("/revoke", &[("client_id", P1), ("token", "x")]).await.ok();
    server.introspect(&bystander.access).await.active();
    sqlx::raw_sql("COMMIT").execute(&mut other).await.expect("it is free");
    let next = server.refresh(&bystander.refresh).await;
    assert!(["rotate", "replay"].contains(&next.ok().header("refresh-verdict")), "{next:?}");
    assert_eq!(server.generation(bystander.session).await, 2);
    server.refresh(&next.refresh_token()).await.ok();
    let form = [("username", "alice"), ("password", PASSWORD)];
    server.post_as(RS1, "/introspect", &[("token", &server.post("/login", &form).await.access_token())]).await.active();
}

on_both_databases!(closed_pools);
