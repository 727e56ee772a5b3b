//! `POST /token`, beyond what RFC 6749 asks for.

use reqwest::Method;
use tokend::domain::Grant;

use crate::harness::{Answer, C1, Engine, P1, PASSWORD, TestServer, UNROTATED, on_both_databases};

async fn a_client_that_keeps_passwords_gets_both_tokens(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login_as(C1).await;
    assert!(answer.refresh_token().starts_with("tkr_"));
    server.get_with("/userinfo", &answer.access_token()).await.ok();
    let exchanged = server.exchange_as(C1, &answer.refresh_token()).await;
    assert_eq!(exchanged.ok().header("refresh-verdict"), "rotate");
    let retry = server.exchange_as(C1, &answer.refresh_token()).await;
    assert_eq!((retry.header("refresh-verdict"), retry.refresh_token()), ("replay", exchanged.refresh_token()));
}

async fn both_doors_lead_to_the_same_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("grant_type", "password"), ("client_id", P1), ("username", "alice"), ("password", PASSWORD)];
    let first = server.post("/token", &form).await;
    let second = server.refresh(&first.refresh_token()).await;
    let form = [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", &second.refresh_token())];
    let third = server.post("/token", &form).await;
    assert_eq!(third.claims()["sid"], first.claims()["sid"]);
    assert_eq!(server.generation(server.session_of(&third.access_token()).await).await, 3);
}

async fn a_refused_grant_is_400_here_and_401_at_the_apps_own_door(engine: Engine) {
    let server = TestServer::start(engine).await;
    let wrong = [("grant_type", "password"), ("client_id", P1), ("username", "alice"), ("password", "wrong")];
    server.post("/token", &wrong).await.refused(400, "invalid_grant");
    server.post("/login", &wrong).await.refused(401, "invalid_grant");
    let refresh = [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", "x")];
    server.post("/token", &refresh).await.refused(400, "invalid_grant");
    server.post("/refresh", &refresh).await.refused(401, "invalid_grant");
}

async fn a_clients_own_lifetime_counts(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(C1.0, |client| client.access_lifetime = Some(60)).await;
    for signs_in in [true, false] {
        let answer = if signs_in { server.login_as(C1).await } else { server.own_token(C1, &[]).await };
        let claims = answer.claims();
        assert_eq!(answer.json()["expires_in"], 60);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        server.clock.advance(59);
        server.introspect(&answer.access_token()).await.active();
        server.clock.advance(1);
        server.introspect(&answer.access_token()).await.inactive();
    }
}

/// An access token, what it says, what the answer says and what introspection says all end with the session.
async fn an_access_token_ends_with_its_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(P1, |client| client.idle_lifetime = Some(300)).await;
    server.change_client(UNROTATED, |client| client.idle_lifetime = Some(300)).await;
    server.change_client(C1.0, |client| client.grants.retain(|grant| *grant != Grant::RefreshToken)).await;
    server.change_client(C1.0, |client| client.idle_lifetime = Some(300)).await;
    for first in [server.login().await, server.login_on(UNROTATED).await, server.login_as(C1).await] {
        assert_eq!(first.ok().json()["expires_in"], 300);
        assert_eq!(first.claims()["exp"], server.clock.now() + 300);
    }

    let first = server.login().await;
    let unrotated = server.login_on(UNROTATED).await;
    server.clock.advance(200);
    let second = server.refresh(&first.refresh_token()).await;
    server.clock.advance(3);
    let replay = server.refresh(&first.refresh_token()).await;
    assert_eq!(replay.header("refresh-verdict"), "replay");
    let ends_in = |answer: &Answer| answer.ok().json()["expires_in"].as_i64();
    assert_eq!((ends_in(&second), ends_in(&replay)), (Some(300), Some(297)), "a retry is no use of the session");
    let touched = server.refresh(&unrotated.refresh_token()).await;
    server.clock.advance(3);
    let untouched = server.refresh(&unrotated.refresh_token()).await;
    assert_eq!((ends_in(&touched), ends_in(&untouched)), (Some(300), Some(297)), "nothing was stored");

    server.clock.advance(293);
    for answer in [&second, &replay, &touched, &untouched] {
        server.introspect(&answer.access_token()).await.active();
    }
    server.clock.advance(4);
    for answer in [&second, &replay, &touched, &untouched] {
        server.introspect(&answer.access_token()).await.inactive();
    }
}

async fn only_a_form_is_taken(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = format!("grant_type=client_credentials&client_id={}&client_secret={}", C1.0, C1.1);
    for content_type in ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8"] {
        server.post_text("/token", content_type, form.clone()).await.ok();
    }
    for content_type in ["application/json", "text/plain", "multipart/form-data; boundary=x", "", "x; charset=utf-16"] {
        server.post_text("/token", content_type, form.clone()).await.refused(400, "invalid_request");
    }
    server.send(server.request(Method::POST, "/token").body(form)).await.refused(400, "invalid_request");
}

async fn the_answer_is_json_whatever_is_accepted(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (path, form) in [
        ("/token", [("grant_type", "client_credentials"), ("token", "")]),
        ("/revoke", [("grant_type", ""), ("token", "x")]),
    ] {
        let request = server.request(Method::POST, path).basic_auth(C1.0, Some(C1.1)).header("accept", "text/html");
        assert_eq!(server.send(request.form(&form)).await.ok().header("content-type"), "application/json");
    }
}

async fn a_disabled_or_removed_client_gets_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_as(C1).await.refresh_token();
    let now = server.clock.now();
    server.change_client(C1.0, |client| client.disabled_at = Some(now)).await;
    for removed in [false, true] {
        if removed {
            server.remove_client(C1.0).await;
        }
        server.own_token(C1, &[]).await.refused(401, "invalid_client");
        server.login_as(C1).await.refused(401, "invalid_client");
        server.exchange_as(C1, &token).await.refused(401, "invalid_client");
        server.post_as(C1, "/revoke", &[("token", &token)]).await.refused(401, "invalid_client");
        server.post_as(C1, "/introspect", &[("token", &token)]).await.refused(401, "invalid_client");
    }
}

async fn a_secret_that_was_replaced_is_worth_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let new = (C1.0, "another secret of at least 32 characters");
    let session = server.login_as(C1).await.refresh_token();
    server.change_client(C1.0, |client| client.authentication = crate::harness::confidential(new).authentication).await;
    server.own_token(C1, &[]).await.refused(401, "invalid_client");
    server.own_token(new, &[]).await.ok();
    server.exchange_as(new, &session).await.ok();
}

on_both_databases!(
    a_client_that_keeps_passwords_gets_both_tokens,
    both_doors_lead_to_the_same_session,
    a_refused_grant_is_400_here_and_401_at_the_apps_own_door,
    a_clients_own_lifetime_counts,
    an_access_token_ends_with_its_session,
    only_a_form_is_taken,
    the_answer_is_json_whatever_is_accepted,
    a_disabled_or_removed_client_gets_nothing,
    a_secret_that_was_replaced_is_worth_nothing,
);
