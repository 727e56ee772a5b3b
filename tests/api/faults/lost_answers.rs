//! The server did it, and the client never heard of it. Trying again ends in tokens, whenever that is, and never in two
//! that live.

use reqwest::Method;

use crate::harness::{Answer, Engine, Fault, P1, PASSWORD, Proxy, TestServer, on_both_databases};

/// The window of the tests' clients, in seconds.
const W: i64 = 10;

/// Sends what must be lost, and gives the answer that nobody got.
async fn lost(proxy: &Proxy, server: &TestServer, path: &str, form: &[(&str, &str)], marker: &str) -> String {
    let struck = proxy.strike(Fault::LoseAnswer, marker.as_bytes());
    let sent = server.request(Method::POST, path).form(form).send();
    let (sent, lost) = tokio::join!(sent, struck.happened());
    sent.expect_err("the client has no answer");
    let lost = String::from_utf8(lost).expect("the answer is text");
    assert!(lost.starts_with("HTTP/1.1 2"), "{lost}");
    lost
}

/// The refresh token in an answer as bytes.
fn refresh_token_in(answer: &str) -> String {
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    body["refresh_token"].as_str().expect("a refresh token").to_owned()
}

/// Exchanges a token whose answer is lost, and again `later` seconds after that.
async fn retried(engine: Engine, later: i64, verdict: &str) {
    let server = TestServer::start(engine).await;
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let behind = server.behind(base);
    let first = server.login().await;
    let (zero, session) = (first.refresh_token(), server.session_of(&first.access_token()).await);
    let lost = lost(&proxy, &behind, "/refresh", &[("refresh_token", &zero)], &zero).await;
    let nobodys = refresh_token_in(&lost);
    assert_eq!(server.generation(session).await, 2, "the server did it");

    server.clock.advance(later);
    let retry = behind.refresh(&zero).await;
    assert_eq!(retry.ok().header("refresh-verdict"), verdict, "{later} s later");
    server.introspect(&retry.access_token()).await.active();
    let next = server.refresh(&retry.refresh_token()).await;
    assert_eq!(next.ok().header("refresh-verdict"), "rotate", "the client has the one that lives");
    // Nobody holds the lost one; if somebody did, it would lead to the same place or nowhere.
    let other = server.refresh(&nobodys).await;
    match other.status {
        200 => assert_eq!(other.refresh_token(), next.refresh_token()),
        _ => drop(other.refused(401, "invalid_grant")),
    }
    assert_ne!(other.header("refresh-verdict"), "rotate", "two live successors of one token");
}

async fn a_lost_answer_is_had_again_at_once(engine: Engine) {
    retried(engine, 0, "replay").await;
}

async fn a_lost_answer_is_had_again_just_inside_the_window(engine: Engine) {
    retried(engine, W - 1, "replay").await;
}

async fn a_lost_answer_is_made_good_just_after_the_window(engine: Engine) {
    retried(engine, W + 1, "recover").await;
}

async fn a_lost_answer_is_made_good_an_hour_later(engine: Engine) {
    retried(engine, 3600, "recover").await;
}

/// However often: each time the client goes on from the token that it has.
async fn a_client_that_loses_every_second_answer_stays_signed_in(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let behind = server.behind(base);
    let mut token = server.login().await.refresh_token();
    for later in [0, 1, W - 1, W, W + 1, 2 * W, 2 * W + 1, 3600, 0] {
        lost(&proxy, &behind, "/refresh", &[("refresh_token", &token)], &token).await;
        server.clock.advance(later);
        token = behind.refresh(&token).await.refresh_token();
    }
}

async fn a_request_that_the_network_repeats_changes_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let behind = server.behind(base);
    let first = server.login().await;
    let (zero, session) = (first.refresh_token(), server.session_of(&first.access_token()).await);
    let struck = proxy.strike(Fault::Repeat, zero.as_bytes());
    let (answer, other) = tokio::join!(behind.refresh(&zero), struck.happened());
    let other = String::from_utf8(other).expect("the answer is text");
    assert_eq!(refresh_token_in(&other), answer.refresh_token());
    assert_eq!(server.generation(session).await, 2);
    server.refresh(&answer.refresh_token()).await.ok();
}

async fn a_request_that_never_arrives_changes_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let bystander = server.bystander().await;
    let struck = proxy.strike(Fault::LoseRequest, bystander.refresh.as_bytes());
    let form = [("refresh_token", bystander.refresh.as_str())];
    let behind = server.behind(base);
    let (sent, _) = tokio::join!(behind.request(Method::POST, "/refresh").form(&form).send(), struck.happened());
    sent.expect_err("the client has no answer");
    server.assert_lost_nothing(bystander).await;
}

async fn a_revocation_whose_answer_was_lost_holds(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let behind = server.behind(base);
    for path in ["/revoke", "/logout"] {
        let tokens = server.login().await;
        let (access, refresh) = (tokens.access_token(), tokens.refresh_token());
        let name = if path == "/revoke" { "token" } else { "refresh_token" };
        lost(&proxy, &behind, path, &[("client_id", P1), (name, &refresh)], &refresh).await;
        server.assert_dead(&access, &[&refresh]).await;
        let again = behind.post(path, &[("client_id", P1), (name, &refresh)]).await;
        assert!([200, 204].contains(&again.status), "{again:?}");
    }
}

/// The session that nobody got is one that nobody can use.
async fn a_sign_in_whose_answer_was_lost_can_be_repeated(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (proxy, base) = Proxy::to_server(&server.base).await;
    let behind = server.behind(base);
    let form = [("username", "alice"), ("password", PASSWORD), ("device_name", "lost-and-found")];
    lost(&proxy, &behind, "/login", &form, "lost-and-found").await;
    let answer: Answer = behind.post("/login", &form).await;
    server.refresh(&answer.refresh_token()).await.ok();
}

on_both_databases!(
    a_lost_answer_is_had_again_at_once,
    a_lost_answer_is_had_again_just_inside_the_window,
    a_lost_answer_is_made_good_just_after_the_window,
    a_lost_answer_is_made_good_an_hour_later,
    a_client_that_loses_every_second_answer_stays_signed_in,
    a_request_that_the_network_repeats_changes_nothing,
    a_request_that_never_arrives_changes_nothing,
    a_revocation_whose_answer_was_lost_holds,
    a_sign_in_whose_answer_was_lost_can_be_repeated,
);
