//! What the gateway demands of a token: an audience, and perhaps a scope.

use crate::harness::{API, C1, Engine, Logs, TestServer, on_both_databases};
use crate::verify::{assert_challenged, assert_tells_nothing};

const INSUFFICIENT: &str = r#"Bearer realm="tokend", error="insufficient_scope""#;

async fn a_token_for_another_audience_is_403(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for query in [
        "audience=https://other.example.com",
        "audience=https://api.example.com/",
        "audience=https://api.example.co",
        "audience=HTTPS://api.example.com",
        "audience=app",
        "audience=%2A%2A",
        "audience=https://other.example.com&audience=orders",
        "audience=https://other.example.com&scope=admin",
    ] {
        assert_challenged(&server.verify(query, &token).await, 403, "insufficient_scope", INSUFFICIENT);
    }
}

async fn one_of_several_audiences_is_enough(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for query in [
        "audience=https://api.example.com",
        "audience=https%3A%2F%2Fapi.example.com",
        "audience=https://auth.example.com",
        "audience=orders&audience=https://api.example.com",
        "audience=https://api.example.com&audience=orders",
        "audience=*",
        "audience=%2A",
    ] {
        server.verify(query, &token).await.no_content();
    }
    server.change_client(C1.0, |client| client.audience = vec!["orders".to_owned()]).await;
    let own = server.own_token(C1, &[]).await.access_token();
    server.verify("audience=orders", &own).await.no_content();
    server.verify("audience=*", &own).await.no_content();
    server.verify_for_api(&own).await.refused(403, "insufficient_scope");
}

async fn every_word_of_the_scope_is_needed(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_asking(&[("scope", "openid read write")]).await.access_token();
    for scope in ["scope=read", "scope=write+read", "scope=read%20write", "scope=read&scope=write", "scope="] {
        server.verify(&format!("audience={API}&{scope}"), &token).await.no_content();
    }
    for (scope, needed) in [
        ("scope=admin", "admin"),
        ("scope=READ", "READ"),
        ("scope=rea", "rea"),
        ("scope=read+email", "read email"),
        ("scope=read&scope=email", "read email"),
    ] {
        let answer = server.verify(&format!("audience={API}&{scope}"), &token).await;
        let challenge = format!("{INSUFFICIENT}, scope=\"{needed}\"");
        assert_challenged(&answer, 403, "insufficient_scope", &challenge);
    }
}

/// The mistake is the gateway's, so no token makes up for it.
async fn a_query_without_an_audience_or_that_is_malformed_is_400(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for query in [
        "",
        "audience",
        "audience=",
        "scope=read",
        "aud=https://api.example.com",
        "audience=%",
        "audience=https://api.example.com&x=%zz",
        "audience=https://api.example.com&scope=%22",
        "%ff=1&audience=https://api.example.com",
    ] {
        let answer = server.verify(query, &token).await;
        assert_tells_nothing(answer.refused(400, "invalid_request"));
    }
    server.get("/verify").await.refused(400, "invalid_request");
    server.get_with("/verify/orders", &token).await.refused(400, "invalid_request");
}

async fn other_parameters_are_ignored(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for more in ["&x=1&x=2", "&", "&&x", "&access_token=x&token=y", "&resource=z&=1", &"&p=1".repeat(500)] {
        server.verify(&format!("audience={API}{more}"), &token).await.no_content();
    }
}

on_both_databases!(
    a_token_for_another_audience_is_403,
    one_of_several_audiences_is_enough,
    every_word_of_the_scope_is_needed,
    a_query_without_an_audience_or_that_is_malformed_is_400,
    other_parameters_are_ignored,
);

#[tokio::test]
async fn the_log_says_once_a_minute_what_to_write_for_the_audience() {
    let logs = Logs::capture();
    let server = TestServer::start(Engine::Sqlite).await;
    let lines = || logs.text().lines().filter(|line| line.contains("WARN") && line.contains("audience=*")).count();
    for (seconds, expected) in [(0, 1), (59, 1), (1, 2)] {
        server.clock.advance(seconds);
        server.get("/verify").await.refused(400, "invalid_request");
        server.get("/verify/orders?scope=read").await.refused(400, "invalid_request");
        assert_eq!(lines(), expected, "{}", logs.text());
    }
    assert!(logs.text().contains("gateway=127.0.0.1"), "{}", logs.text());
}
