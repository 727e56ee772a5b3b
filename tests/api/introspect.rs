//! `POST /introspect`, beyond what RFC 7662 asks for.

use reqwest::Method;
use serde_json::json;
use tokend::domain::Grant;

use crate::harness::{
    ADMIN, API, AUDITOR, Answer, C1, C2, Engine, P1, PASSWORD, RS1, START, TestServer, on_both_databases,
};

/// Somebody with an access token asks about another token.
async fn introspect_with(server: &TestServer, caller: &str, token: &str) -> Answer {
    server.send(server.request(Method::POST, "/introspect").bearer_auth(caller).form(&[("token", token)])).await
}

async fn a_refresh_token_says_that_it_is_one(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    server.clock.advance(60);
    let second = server.refresh(&first.refresh_token()).await;
    server.clock.advance(60);
    let answer = server.introspect(&second.refresh_token()).await;
    assert_eq!(
        answer.active().json(),
        json!({
            "active": true,
            "token_type": "refresh_token",
            "scope": "openid profile email read write",
            "client_id": P1,
            "username": "alice",
            "sub": server.alice.to_string(),
            "aud": [API, "https://auth.example.com"],
            "iss": "https://auth.example.com",
            "iat": START + 60,
            "nbf": START + 60,
            "exp": START + 60 + 30 * 86_400,
            "sid": first.claims()["sid"],
            "auth_time": START,
        })
    );
}

async fn a_refresh_token_is_active_for_as_long_as_it_would_be_exchanged(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    let second = server.refresh(&first).await.refresh_token();
    let third = server.refresh(&second).await.refresh_token();
    for token in [&first, &second, &third] {
        server.introspect(token).await.active();
    }
    server.clock.advance(20);
    server.introspect(&first).await.inactive();
    server.introspect(&second).await.active();
    server.introspect(&third).await.active();
    assert_eq!(server.refresh(&third).await.ok().header("refresh-verdict"), "rotate", "to ask ends no session");
}

/// A retry can be 64 exchanges behind. One that is further behind harms nobody, and isn't called active either.
async fn a_refresh_token_that_leads_nowhere_is_not_active(engine: Engine) {
    let server = TestServer::start(engine).await;
    let mut tokens = vec![server.login().await.refresh_token()];
    for _ in 0..65 {
        tokens.push(server.refresh(&tokens[tokens.len() - 1]).await.refresh_token());
    }
    server.refresh(&tokens[0]).await.refused(401, "invalid_grant");
    server.introspect(&tokens[0]).await.inactive();
    server.introspect(&tokens[1]).await.active();
    assert_eq!(server.refresh(&tokens[1]).await.refresh_token(), tokens[65]);
}

async fn a_refresh_token_of_a_client_without_the_grant_is_not_active(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login_as(C1).await;
    server.introspect(&answer.refresh_token()).await.active();
    server.change_client(C1.0, |client| client.grants.retain(|grant| *grant != Grant::RefreshToken)).await;
    server.introspect(&answer.refresh_token()).await.inactive();
}

async fn a_bearer_with_the_scope_stands_for_its_client(engine: Engine) {
    let server = TestServer::start(engine).await;
    let caller = server.own_token(RS1, &[("scope", "introspect")]).await.access_token();
    let (token, own) = (server.login().await.access_token(), server.own_token(C1, &[]).await.access_token());
    introspect_with(&server, &caller, &token).await.active();
    introspect_with(&server, &caller, &own).await.active();
    introspect_with(&server, &caller, "x").await.inactive();
    server.change_client(RS1.0, |client| client.serves.clear()).await;
    introspect_with(&server, &caller, &token).await.inactive();
    introspect_with(&server, &caller, &caller).await.active();
    server.remove_client(RS1.0).await;
    introspect_with(&server, &caller, &token).await.refused(401, "invalid_token");
}

/// It shows nothing that a stranger couldn't show as well. An old registration may have the scope, which the CLI refuses.
async fn a_bearer_of_a_public_client_asks_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    server
        .change_client(P1, |client| {
            client.scope = "introspect".parse().unwrap();
            client.serves = vec![API.to_owned()];
        })
        .await;
    let caller = server.login().await;
    assert_eq!(caller.claims()["scope"], "introspect");
    let answer = introspect_with(&server, &caller.access_token(), &caller.access_token()).await;
    assert!(answer.refused(403, "insufficient_scope").header("www-authenticate").starts_with("Bearer "));
}

async fn a_bearer_works_whatever_the_audience_of_its_client(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(C1.0, |client| client.may_introspect = true).await;
    let caller = server.own_token(C1, &[("scope", "introspect")]).await;
    assert_eq!(caller.claims()["aud"], json!([API, "https://auth.example.com"]));
    introspect_with(&server, &caller.access_token(), &caller.access_token()).await.active();
    let elsewhere = server.own_token(C1, &[("scope", "introspect"), ("resource", API)]).await.access_token();
    introspect_with(&server, &elsewhere, &elsewhere).await.refused(401, "invalid_token");
}

/// The scope alone gives no right: not to a client that may not introspect, not to a user of one that may.
async fn a_bearer_has_the_right_of_its_client_only(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let own = server.own_token(C1, &[("scope", "introspect")]).await.access_token();
    let ask = async |caller: &str| introspect_with(&server, caller, &token).await;
    let challenge = r#"Bearer realm="tokend", error="insufficient_scope", scope="introspect""#;
    assert_eq!(ask(&own).await.refused(403, "insufficient_scope").header("www-authenticate"), challenge);
    server
        .change_client(C1.0, |client| {
            client.may_introspect = true;
            client.serves = vec![API.to_owned()];
        })
        .await;
    ask(&own).await.active();
    let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("scope", "introspect")];
    let users = server.post_as(C1, "/token", &form).await;
    assert_eq!(users.claims()["scope"], "introspect");
    ask(&users.access_token()).await.refused(403, "insufficient_scope");
    let all = server.login_as(C1).await.access_token();
    ask(&all).await.refused(403, "insufficient_scope");
    server.change_client(C1.0, |client| client.may_introspect = false).await;
    ask(&own).await.refused(403, "insufficient_scope");
    ask(&server.own_token(C1, &[("scope", "read")]).await.access_token()).await.refused(403, "insufficient_scope");
}

/// A resource server that was sent a refresh token must not take it for an access token.
async fn a_refresh_token_is_active_for_its_client_and_administrators(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.login().await.refresh_token(), server.login_as(C1).await.refresh_token());
    for id in [C1.0, C2.0, RS1.0] {
        let widen = |client: &mut tokend::domain::Client| {
            client.may_introspect = true;
            client.serves = vec![API.to_owned(), "https://auth.example.com".to_owned()];
        };
        server.change_client(id, widen).await;
    }
    let bearer = server.own_token(RS1, &[]).await.access_token();
    for token in [&public, &confidential] {
        for hint in ["", "access_token", "refresh_token"] {
            server.post_as(RS1, "/introspect", &[("token", token), ("token_type_hint", hint)]).await.inactive();
        }
        server.post_as(C2, "/introspect", &[("token", token)]).await.inactive();
        introspect_with(&server, &bearer, token).await.inactive();
        server.post_as(AUDITOR, "/introspect", &[("token", token)]).await.active();
        server.post_as(ADMIN, "/introspect", &[("token", token)]).await.refused(403, "unauthorized_client");
    }
    server.post_as(C1, "/introspect", &[("token", &confidential)]).await.active();
    server.post_as(C1, "/introspect", &[("token", &public)]).await.inactive();
    let inactive = server.post_as(RS1, "/introspect", &[("token", "x")]).await;
    let refused = server.post_as(RS1, "/introspect", &[("token", &public)]).await;
    assert_eq!(refused.without_the_incidental(), inactive.without_the_incidental());
}

async fn a_bearer_that_has_died_asks_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let caller = server.own_token(RS1, &[]).await.access_token();
    server.clock.advance(899);
    let token = server.login().await.access_token();
    introspect_with(&server, &caller, &token).await.active();
    server.clock.advance(1);
    introspect_with(&server, &caller, &token).await.refused(401, "invalid_token");
    introspect_with(&server, &server.login().await.refresh_token(), &token).await.refused(401, "invalid_token");
}

async fn a_caller_authenticates_in_one_way(engine: Engine) {
    let server = TestServer::start(engine).await;
    let caller = server.own_token(RS1, &[]).await.access_token();
    let form = [("token", caller.as_str()), ("client_id", RS1.0), ("client_secret", RS1.1)];
    let assertion = [form[0], ("client_assertion", "x")];
    let assertion_type = [form[0], ("client_assertion_type", "x")];
    for form in [&form[..], &assertion, &assertion_type] {
        let request = server.request(Method::POST, "/introspect").bearer_auth(&caller).form(form);
        server.send(request).await.refused(400, "invalid_request");
    }
}

async fn the_answer_is_json_whatever_is_accepted(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for accept in ["application/token-introspection+jwt", "text/html"] {
        let request = server.request(Method::POST, "/introspect").basic_auth(RS1.0, Some(RS1.1));
        let answer = server.send(request.header("accept", accept).form(&[("token", &token)])).await;
        assert_eq!(answer.active().header("content-type"), "application/json");
    }
    let json = format!(r#"{{"token":"{token}","client_id":"{}","client_secret":"{}"}}"#, RS1.0, RS1.1);
    server.post_text("/introspect", "application/json", json).await.refused(400, "invalid_request");
}

on_both_databases!(
    a_bearer_has_the_right_of_its_client_only,
    a_refresh_token_is_active_for_its_client_and_administrators,
    a_refresh_token_says_that_it_is_one,
    a_refresh_token_is_active_for_as_long_as_it_would_be_exchanged,
    a_refresh_token_that_leads_nowhere_is_not_active,
    a_refresh_token_of_a_client_without_the_grant_is_not_active,
    a_bearer_with_the_scope_stands_for_its_client,
    a_bearer_of_a_public_client_asks_nothing,
    a_bearer_works_whatever_the_audience_of_its_client,
    a_bearer_that_has_died_asks_nothing,
    a_caller_authenticates_in_one_way,
    the_answer_is_json_whatever_is_accepted,
);
