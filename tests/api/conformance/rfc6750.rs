//! RFC 6750: bearer tokens at `/userinfo` and at the other endpoints that take them.

use reqwest::Method;

use crate::harness::{Answer, C1, Engine, TestServer, on_both_databases};

const INVALID_TOKEN: &str = r#"Bearer realm="tokend", error="invalid_token""#;

#[track_caller]
fn challenged(answer: &Answer, status: u16, code: &str, challenge: &str) {
    assert_eq!(answer.refused(status, code).header("www-authenticate"), challenge);
}

/// RFC 6750 §2.1: a bearer token in the `Authorization` header MUST be supported. The name of the scheme is case-insensitive (RFC 9110
/// §11.1).
async fn r2_a_a_token_comes_in_the_header(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        for method in [Method::GET, Method::POST] {
            let request = server.request(method, "/userinfo").header("authorization", format!("{scheme} {token}"));
            server.send(request).await.ok();
        }
    }
}

/// RFC 6750 §2.3: a bearer token SHOULD NOT be sent in the query of a URI. tokend refuses it.
async fn r2_a_a_token_in_the_query_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let challenge = r#"Bearer realm="tokend", error="invalid_request""#;
    for name in ["access_token", "access%5Ftoken"] {
        let answer = server.get(&format!("/userinfo?{name}={token}")).await;
        challenged(&answer, 400, "invalid_request", challenge);
        let answer = server.get_with(&format!("/userinfo?x=1&{name}={token}"), &token).await;
        challenged(&answer, 400, "invalid_request", challenge);
    }
    for (method, path) in [(Method::POST, "/logout"), (Method::POST, "/introspect")] {
        let request = server.request(method, &format!("{path}?access_token={token}")).form(&[("token", &token)]);
        server.send(request).await.refused(400, "invalid_request");
    }
    server.get_with("/userinfo", &token).await.ok();
}

/// RFC 6750 §2, §3.1: a client MUST NOT use more than one method to transmit a token in a request. That is `invalid_request`, 400.
async fn r2_a_two_methods_at_once_are_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let challenge = r#"Bearer realm="tokend", error="invalid_request""#;
    let both = server.request(Method::POST, "/userinfo").bearer_auth(&token).form(&[("access_token", &token)]);
    challenged(&server.send(both).await, 400, "invalid_request", challenge);
    let logout = server.request(Method::POST, "/logout").bearer_auth(&token);
    server.send(logout.form(&[("refresh_token", "x")])).await.refused(400, "invalid_request");
    server.get_with("/userinfo", &token).await.ok();
}

/// RFC 6750 §3, §3.1: a request without credentials MUST be answered with `WWW-Authenticate`, which SHOULD NOT include an error code.
async fn r3_a_without_credentials_the_challenge_has_no_error(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let basic = server.request(Method::GET, "/userinfo").basic_auth(C1.0, Some(C1.1));
    let in_body = server.request(Method::POST, "/userinfo").form(&[("access_token", &token)]);
    for answer in [server.get("/userinfo").await, server.send(basic).await, server.send(in_body).await] {
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, r#"Bearer realm="tokend""#));
    }
}

/// RFC 6750 §3.1: a token that is malformed, expired, revoked or invalid is `invalid_token`, 401.
async fn r3_a_a_bad_token_is_invalid_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    let (token, refresh_token) = (answer.access_token(), answer.refresh_token());
    for bad in ["x", "a.b.c", &format!("{token}x"), &token[..token.len() - 2], &refresh_token, &".".repeat(9_000)] {
        challenged(&server.get_with("/userinfo", bad).await, 401, "invalid_token", INVALID_TOKEN);
        let logout = server.send(server.request(Method::POST, "/logout").bearer_auth(bad)).await;
        challenged(&logout, 401, "invalid_token", INVALID_TOKEN);
    }
    for header in ["Bearer", "Bearer ", "Digest x", "bearer\t x"] {
        let request = server.request(Method::GET, "/userinfo").header("authorization", header);
        challenged(&server.send(request).await, 401, "invalid_token", INVALID_TOKEN);
    }
    let twice = server.request(Method::GET, "/userinfo").bearer_auth(&token).header("authorization", "Bearer x");
    challenged(&server.send(twice).await, 401, "invalid_token", INVALID_TOKEN);
    server.clock.advance(900);
    challenged(&server.get_with("/userinfo", &token).await, 401, "invalid_token", INVALID_TOKEN);
}

/// RFC 6750 §3.1: a token without the privileges that the request needs is `insufficient_scope`, 403. The challenge MAY name the scope that
/// is needed; tokend's does.
async fn r3_a_too_little_scope_is_insufficient_scope_and_names_what_is_needed(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_asking(&[("scope", "profile email read")]).await.access_token();
    let challenge = r#"Bearer realm="tokend", error="insufficient_scope", scope="openid""#;
    challenged(&server.get_with("/userinfo", &token).await, 403, "insufficient_scope", challenge);
    let own = server.own_token(C1, &[("scope", "read")]).await.access_token();
    challenged(&server.get_with("/userinfo", &own).await, 403, "insufficient_scope", challenge);
}

on_both_databases!(
    r2_a_a_token_comes_in_the_header,
    r2_a_a_token_in_the_query_is_refused,
    r2_a_two_methods_at_once_are_invalid_request,
    r3_a_without_credentials_the_challenge_has_no_error,
    r3_a_a_bad_token_is_invalid_token,
    r3_a_too_little_scope_is_insufficient_scope_and_names_what_is_needed,
);
