//! `POST /refresh`, and what a refresh token is worth.

use reqwest::Method;
use serde_json::json;
use tokend::domain::{Grant, Grants};

use crate::harness::{C1, Engine, P1, STRICT, Settings, TestServer, UNROTATED, on_both_databases};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

async fn a_refresh_token_is_exchanged_for_a_new_one(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    let second = server.refresh(&first.refresh_token()).await;
    assert_ne!(second.refresh_token(), first.refresh_token());
    assert_eq!(second.header("refresh-verdict"), "rotate");
    assert_eq!((second.header("cache-control"), second.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(second.text_at("scope"), first.text_at("scope"));
    server.introspect(&second.access_token()).await.active();
}

async fn a_retry_within_the_window_gets_the_same_successor(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    let second = server.refresh(&first).await;
    server.clock.advance(9);
    let retry = server.refresh(&first).await;
    assert_eq!(retry.header("refresh-verdict"), "replay");
    assert_eq!(retry.refresh_token(), second.refresh_token());
    assert_ne!(retry.access_token(), second.access_token());
}

async fn a_retry_after_the_window_recovers_and_orphans_what_was_lost(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    let lost = server.refresh(&first).await.refresh_token();
    server.clock.advance(10);
    let recovered = server.refresh(&first).await;
    assert_eq!(recovered.ok().header("refresh-verdict"), "recover");
    assert_ne!(recovered.refresh_token(), lost);
    assert_eq!(server.generation(server.session_of(&recovered.access_token()).await).await, 3);
    server.clock.advance(DAY);
    let next = server.refresh(&recovered.refresh_token()).await;
    assert_eq!(next.ok().header("refresh-verdict"), "rotate");
    server.refresh(&lost).await.refused(401, "invalid_grant");
    server.assert_dead(&next.access_token(), &[&next.refresh_token(), &recovered.refresh_token(), &first]).await;
}

async fn an_old_token_ends_the_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    let zero = server.login().await.refresh_token();
    let one = server.refresh(&zero).await.refresh_token();
    let two = server.refresh(&one).await;
    let elsewhere = server.login().await;
    server.clock.advance(20);
    server.refresh(&zero).await.refused(401, "invalid_grant");
    server.assert_dead(&two.access_token(), &[&zero, &one, &two.refresh_token()]).await;
    server.introspect(&elsewhere.access_token()).await.active();
}

async fn a_strict_client_may_use_each_token_once(engine: Engine) {
    let server = TestServer::start(engine).await;
    let zero = server.login_on(STRICT).await.refresh_token();
    let one = server.refresh(&zero).await;
    server.refresh(&zero).await.refused(401, "invalid_grant");
    server.assert_dead(&one.access_token(), &[&one.refresh_token()]).await;
}

async fn a_clients_own_window_counts(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(P1, |client| client.reuse_window = Some(60)).await;
    let first = server.login().await.refresh_token();
    let second = server.refresh(&first).await.refresh_token();
    server.clock.advance(59);
    let retry = server.refresh(&first).await;
    assert_eq!((retry.header("refresh-verdict"), retry.refresh_token()), ("replay", second));
    server.clock.advance(1);
    assert_eq!(server.refresh(&first).await.header("refresh-verdict"), "recover");
}

async fn without_rotation_the_first_token_works_for_ever(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login_on(UNROTATED).await.refresh_token();
    for _ in 0..60 {
        server.clock.advance(29 * DAY);
        let answer = server.refresh(&first).await;
        assert_eq!((answer.refresh_token(), answer.header("refresh-verdict")), (first.clone(), "unrotated"));
        server.introspect(&answer.access_token()).await.active();
    }
    server.clock.advance(30 * DAY);
    server.refresh(&first).await.refused(401, "invalid_grant");
}

/// A token from before rotation was switched off is a real retry.
async fn without_rotation_only_a_retry_is_a_replay(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    let second = server.refresh(&first).await.refresh_token();
    server.change_client(P1, |client| client.rotation = false).await;
    for (token, verdict) in [(&second, "unrotated"), (&first, "replay"), (&second, "unrotated")] {
        let answer = server.refresh(token).await;
        assert_eq!((answer.refresh_token(), answer.header("refresh-verdict")), (second.clone(), verdict));
    }
    server.change_client(P1, |client| client.rotation = true).await;
    assert_eq!(server.refresh(&second).await.ok().header("refresh-verdict"), "rotate");
}

async fn a_session_that_is_used_without_rotation_is_not_idle(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("[sessions]\nidle_lifetime = '10h'")).await;
    let first = server.login_on(UNROTATED).await.refresh_token();
    for _ in 0..300 {
        server.clock.advance(180);
        assert_eq!(server.refresh(&first).await.refresh_token(), first);
    }
}

/// A session that is used all day without rotation is written once in a hundredth of its idle lifetime, not at each refresh.
async fn a_refresh_without_rotation_writes_only_now_and_then(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_on(UNROTATED).await.refresh_token();
    let end = async || server.introspect(&token).await.active().json()["exp"].as_i64().unwrap();
    let first = end().await;
    for pause in [1, 30 * DAY / 100 - 1] {
        server.clock.advance(pause);
        server.refresh(&token).await.ok();
        assert_eq!(end().await, first);
    }
    server.clock.advance(1);
    server.refresh(&token).await.ok();
    assert_eq!(end().await, server.clock.now() + 30 * DAY);
}

/// The exchange that a retry repeats was the use of the session.
async fn a_retry_puts_no_end_off(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    server.clock.advance(HOUR);
    let second = server.refresh(&first).await.refresh_token();
    let end = server.clock.now() + 30 * DAY;
    server.clock.advance(9);
    assert_eq!(server.refresh(&first).await.header("refresh-verdict"), "replay");
    assert_eq!(server.introspect(&second).await.active().json()["exp"], end);
}

async fn rotation_may_be_switched_under_a_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    let second = server.refresh(&first).await.refresh_token();
    server.change_client(P1, |client| client.rotation = false).await;
    server.clock.advance(HOUR);
    for _ in 0..3 {
        server.clock.advance(DAY);
        assert_eq!(server.refresh(&second).await.refresh_token(), second);
    }
    server.change_client(P1, |client| client.rotation = true).await;
    let third = server.refresh(&second).await;
    assert_eq!(third.ok().header("refresh-verdict"), "rotate");
    assert_ne!(third.refresh_token(), second);
}

async fn an_unused_session_ends(engine: Engine) {
    let settings = Settings::with("[tokens]\naccess_lifetime = '10m'\n[sessions]\nidle_lifetime = '10m'");
    let server = TestServer::start_with(engine, settings).await;
    let used = server.login().await.refresh_token();
    let unused = server.login().await;
    server.clock.advance(599);
    let used = server.refresh(&used).await.refresh_token();
    server.introspect(&unused.access_token()).await.active();
    server.clock.advance(1);
    server.assert_dead(&unused.access_token(), &[&unused.refresh_token()]).await;
    server.clock.advance(598);
    server.refresh(&used).await.ok();
}

async fn a_session_ends_however_much_it_is_used(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("[sessions]\nabsolute_lifetime = '2h'")).await;
    let mut token = server.login().await.refresh_token();
    for _ in 0..3 {
        server.clock.advance(30 * 60);
        token = server.refresh(&token).await.refresh_token();
    }
    server.clock.advance(30 * 60 - 1);
    let last = server.refresh(&token).await;
    assert_eq!(last.ok().json()["expires_in"], 1, "no access token outlives its session");
    server.introspect(&last.access_token()).await.active();
    server.clock.advance(1);
    server.assert_dead(&last.access_token(), &[&last.refresh_token()]).await;
}

async fn a_clients_own_lifetimes_count(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(P1, |client| client.idle_lifetime = Some(HOUR)).await;
    server.change_client(STRICT, |client| client.absolute_lifetime = Some(HOUR)).await;
    server.change_client(UNROTATED, |client| client.idle_lifetime = Some(0)).await;
    let (idle, absolute) = (server.login().await.refresh_token(), server.login_on(STRICT).await.refresh_token());
    let unlimited = server.login_on(UNROTATED).await.refresh_token();
    server.clock.advance(HOUR);
    server.refresh(&idle).await.refused(401, "invalid_grant");
    server.refresh(&absolute).await.refused(401, "invalid_grant");
    server.clock.advance(4_000 * DAY);
    let answer = server.refresh(&unlimited).await;
    assert_eq!(answer.refresh_token(), unlimited);
    let json = server.introspect(&unlimited).await.active().json();
    assert_eq!(json.get("exp"), None, "it has no end");
}

async fn a_lowered_lifetime_holds_for_sessions_that_exist(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (idle, absolute) = (server.login().await, server.login_on(STRICT).await);
    server.clock.advance(HOUR);
    let absolute = server.refresh(&absolute.refresh_token()).await;
    server.introspect(&idle.refresh_token()).await.active();
    server.change_client(P1, |client| client.idle_lifetime = Some(HOUR)).await;
    server.change_client(STRICT, |client| client.absolute_lifetime = Some(HOUR)).await;
    for dead in [idle, absolute] {
        server.assert_dead(&dead.access_token(), &[&dead.refresh_token()]).await;
    }
}

async fn a_lifetime_that_is_changed_in_the_configuration_holds_from_the_next_start(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (old, young) = (server.login().await, server.login().await);
    server.clock.advance(HOUR);
    let young = server.refresh(&young.refresh_token()).await;
    let shorter = server.another_node_with(&Settings::with("[sessions]\nidle_lifetime = '1h'")).await;
    server.at(&shorter).assert_dead(&old.access_token(), &[&old.refresh_token()]).await;
    let young = server.at(&shorter).refresh(&young.refresh_token()).await.refresh_token();
    let longer = server.another_node_with(&Settings::with("[sessions]\nidle_lifetime = '3h'")).await;
    server.clock.advance(HOUR);
    server.at(&longer).refresh(&young).await.refused(401, "invalid_grant");
    let late = server.at(&longer).login().await.refresh_token();
    server.clock.advance(2 * HOUR);
    server.at(&longer).refresh(&late).await.ok();
}

async fn json_and_form_are_the_same(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.refresh_token();
    let body = json!({ "refresh_token": token, "scope": "openid", "client_id": P1 });
    let answer = server.post_text("/refresh", "application/json", body.to_string()).await;
    assert_eq!((answer.ok().text_at("scope").as_str(), answer.header("refresh-verdict")), ("openid", "rotate"));
    for body in ["{}", r#"{"refresh_token":7}"#, r#"{"refresh_token":""}"#] {
        server.post_text("/refresh", "application/json", body).await.refused(400, "invalid_request");
    }
    server.post("/refresh", &[]).await.refused(400, "invalid_request");
}

async fn a_confidential_client_authenticates_here_too(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_as(C1).await.refresh_token();
    let form = [("refresh_token", token.as_str())];
    server.refresh(&token).await.refused(401, "invalid_grant");
    server.post("/refresh", &[form[0], ("client_id", C1.0)]).await.refused(401, "invalid_client");
    server.post_as((C1.0, "wrong"), "/refresh", &form).await.refused(401, "invalid_client");
    server.post("/refresh", &[form[0], ("client_id", P1)]).await.refused(401, "invalid_grant");
    assert_eq!(server.post_as(C1, "/refresh", &form).await.ok().header("refresh-verdict"), "rotate");
}

async fn what_a_client_lost_its_sessions_lose(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (whole, narrow) = (server.login().await, server.login_asking(&[("scope", "read")]).await);
    server.change_client(P1, |client| client.scope = "openid read".parse().unwrap()).await;
    server.assert_dead(&whole.access_token(), &[&whole.refresh_token()]).await;
    let narrow = server.refresh(&narrow.refresh_token()).await;
    server.change_client(P1, |client| client.grants = Grants::from([Grant::Password])).await;
    server.assert_dead(&narrow.access_token(), &[&narrow.refresh_token()]).await;
}

async fn a_changed_claim_is_in_the_next_access_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    assert_eq!(first.claims()["roles"], json!(["tester"]));
    server.change_user(server.alice, |user| user.profile.claims["roles"] = json!(["admin"])).await;
    let second = server.refresh(&first.refresh_token()).await.claims();
    assert_eq!((&second["roles"], second.get("secret_note")), (&json!(["admin"]), None));
    server.change_user(server.alice, |user| user.profile.claims.clear()).await;
    assert_eq!(server.login().await.claims().get("roles"), None);
}

async fn a_lost_database_is_no_reason_to_sign_in_again(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.refresh_token();
    server.app.store.close().await;
    for path in ["/refresh", "/token"] {
        let form = [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", &token)];
        let answer = server.send(server.request(Method::POST, path).form(&form)).await;
        assert_eq!(answer.refused(503, "temporarily_unavailable").header("retry-after"), "1");
    }
}

on_both_databases!(
    without_rotation_only_a_retry_is_a_replay,
    a_refresh_token_is_exchanged_for_a_new_one,
    a_retry_within_the_window_gets_the_same_successor,
    a_retry_after_the_window_recovers_and_orphans_what_was_lost,
    an_old_token_ends_the_session,
    a_strict_client_may_use_each_token_once,
    a_clients_own_window_counts,
    without_rotation_the_first_token_works_for_ever,
    a_session_that_is_used_without_rotation_is_not_idle,
    a_refresh_without_rotation_writes_only_now_and_then,
    a_retry_puts_no_end_off,
    rotation_may_be_switched_under_a_session,
    an_unused_session_ends,
    a_session_ends_however_much_it_is_used,
    a_clients_own_lifetimes_count,
    a_lowered_lifetime_holds_for_sessions_that_exist,
    a_lifetime_that_is_changed_in_the_configuration_holds_from_the_next_start,
    json_and_form_are_the_same,
    a_confidential_client_authenticates_here_too,
    what_a_client_lost_its_sessions_lose,
    a_changed_claim_is_in_the_next_access_token,
    a_lost_database_is_no_reason_to_sign_in_again,
);
