//! What an operator sees of requests, and at which level.

use crate::harness::{Engine, Logs, Settings, TestServer};

#[tokio::test]
async fn a_request_that_is_refused_is_told_at_info_and_one_that_went_well_at_debug() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    server.login().await.ok();
    server.post("/login", &[("username", "alice"), ("password", "wrong")]).await.refused(401, "invalid_grant");
    server.get("/nowhere").await.refused(404, "invalid_request");
    server.app.store.close().await;
    server.login().await.refused(503, "temporarily_unavailable");
    let text = logs.text();
    for (level, route, status) in
        [("DEBUG", "/login", 200), ("INFO", "/login", 401), ("INFO", "(none)", 404), ("WARN", "/login", 503)]
    {
        let (route, status) = (format!("route=\"{route}\""), format!("status={status}"));
        let is_told = |line: &str| line.contains(level) && line.contains(&route) && line.contains(&status);
        assert!(text.lines().any(is_told), "{level} {route} {status}: {text}");
    }
}

/// The answer says nothing of it.
#[tokio::test]
async fn what_failed_too_often_is_told() {
    let logs = Logs::capture();
    let settings = Settings::with("[throttle]\nenabled = true\naccount_failures = 1");
    let server = TestServer::start_with(Engine::Sqlite, settings).await;
    for (status, error) in [(401, "invalid_grant"), (429, "temporarily_unavailable")] {
        server.post("/login", &[("username", "alice"), ("password", "wrong")]).await.refused(status, error);
    }
    let text = logs.text();
    assert!(text.contains("too many failures: sign-ins to this account"), "{text}");
}
