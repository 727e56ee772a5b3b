//! `GET /health/live` and `/health/ready`.

use crate::harness::{Engine, TestServer, on_both_databases};

async fn a_server_that_works_is_live_and_ready(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in ["/health/live", "/health/ready"] {
        let answer = server.get(path).await;
        assert_eq!((answer.ok().text.as_str(), answer.header("cache-control")), (r#"{"status":"ok"}"#, "no-store"));
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

async fn without_its_database_it_is_live_and_not_ready(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.app.store.close().await;
    server.get("/health/live").await.ok();
    let answer = server.get("/health/ready").await;
    assert_eq!(answer.refused(503, "temporarily_unavailable").header("retry-after"), "1");
}

on_both_databases!(a_server_that_works_is_live_and_ready, without_its_database_it_is_live_and_not_ready,);
