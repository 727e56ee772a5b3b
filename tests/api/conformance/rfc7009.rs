//! RFC 7009: revocation.

use tokend::domain::{Grant, Grants};

use crate::harness::{ADMIN, C1, C2, Engine, P1, STRICT, TestServer, on_both_databases};

/// RFC 7009 §2.1: `token_type_hint` is OPTIONAL. If it doesn't lead to the token, the search MUST be extended to all token types.
async fn r2_1_a_no_hint_hides_a_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    for hint in ["refresh_token", "access_token", "saml2_assertion", ""] {
        let answer = server.login_as(C1).await;
        server.post_as(C1, "/revoke", &[("token", &answer.access_token()), ("token_type_hint", hint)]).await.ok();
        server.introspect(&answer.access_token()).await.inactive();
        server.introspect(&answer.refresh_token()).await.active();
        server.post_as(C1, "/revoke", &[("token", &answer.refresh_token()), ("token_type_hint", hint)]).await.ok();
        server.exchange_as(C1, &answer.refresh_token()).await.refused(400, "invalid_grant");
    }
}

/// RFC 7009 §2.1: the request is a POST of a form with `token`, which is REQUIRED, and with the client's authentication as at the token
/// endpoint.
async fn r2_1_a_a_client_authenticates_as_at_the_token_endpoint(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_as(C1).await.refresh_token();
    for form in [
        vec![("token", token.as_str())],
        vec![("token", &token), ("client_id", C1.0)],
        vec![("token", &token), ("client_id", C1.0), ("client_secret", "wrong")],
        vec![("token", &token), ("client_id", "unknown")],
    ] {
        server.post("/revoke", &form).await.refused(401, "invalid_client");
    }
    let basic = server.post_as((C1.0, "wrong"), "/revoke", &[("token", &token)]).await;
    assert!(basic.refused(401, "invalid_client").header("www-authenticate").starts_with("Basic "));
    server.post_as(C1, "/revoke", &[]).await.refused(400, "invalid_request");
    let json = format!(r#"{{"client_id":"{}","client_secret":"{}","token":"{token}"}}"#, C1.0, C1.1);
    server.post_text("/revoke", "application/json", json).await.refused(400, "invalid_request");
    let query = format!("/revoke?token={token}");
    server.post_as(C1, &query, &[]).await.refused(400, "invalid_request");
    assert_eq!(server.get("/revoke").await.refused(405, "invalid_request").header("allow"), "POST");

    let post = [("token", token.as_str()), ("client_id", C1.0), ("client_secret", C1.1)];
    server.post("/revoke", &post).await.ok();
    server.exchange_as(C1, &token).await.refused(400, "invalid_grant");
    let of_public = server.login().await.refresh_token();
    server.post("/revoke", &[("token", &of_public), ("client_id", P1)]).await.ok();
    server.refresh(&of_public).await.refused(401, "invalid_grant");
}

/// RFC 7009 §2.1: the server validates the client's credentials and that the token was issued to it, and nothing else: a client that has
/// lost its grants can still revoke.
async fn r2_1_a_a_client_without_any_grant_may_revoke(engine: Engine) {
    let server = TestServer::start(engine).await;
    let own = server.own_token(C1, &[]).await.access_token();
    let users = server.login_as(C1).await.refresh_token();
    server.change_client(C1.0, |client| client.grants.clear()).await;
    for token in [&own, &users] {
        assert_eq!(server.post_as(C1, "/revoke", &[("token", token)]).await.ok().text, "{}");
    }
    server.change_client(C1.0, |client| client.grants = Grants::from(Grant::ALL)).await;
    server.introspect(&own).await.inactive();
    server.introspect(&users).await.inactive();
}

/// RFC 7009 §2.1: a token that was issued to another client MUST NOT be revoked. The answer doesn't tell whether it exists.
async fn r2_1_b_a_token_of_another_client_stays_and_nothing_tells_that_it_exists(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (confidential, public) = (server.login_as(C1).await, server.login().await);
    for answer in [&confidential, &public] {
        for token in [answer.access_token(), answer.refresh_token()] {
            let others = server.post_as(C2, "/revoke", &[("token", &token)]).await;
            let nobodys = server.post_as(C2, "/revoke", &[("token", "no token of anybody")]).await;
            assert_eq!((others.ok().text.as_str(), nobodys.ok().text.as_str()), ("{}", "{}"));
            server.post("/revoke", &[("token", &token), ("client_id", STRICT)]).await.ok();
            server.introspect(&token).await.active();
        }
    }
    server.exchange_as(C1, &confidential.refresh_token()).await.ok();
    server.refresh(&public.refresh_token()).await.ok();
}

/// RFC 7009 §2.1: the revocation of a refresh token SHOULD invalidate all access tokens of the same grant.
async fn r2_1_c_a_refresh_token_takes_the_access_tokens_of_its_session_along(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (first, other) = (server.login().await, server.login().await);
    let second = server.refresh(&first.refresh_token()).await;
    server.post("/revoke", &[("token", &second.refresh_token()), ("client_id", P1)]).await.ok();
    let refresh_tokens = [first.refresh_token(), second.refresh_token()];
    for answer in [&first, &second] {
        server.assert_dead(&answer.access_token(), &[&refresh_tokens[0], &refresh_tokens[1]]).await;
    }
    server.introspect(&other.access_token()).await.active();
    server.refresh(&other.refresh_token()).await.ok();
}

/// RFC 7009 §2.1: the revocation of a refresh token ends the grant also if the token was exchanged for another meanwhile.
async fn r2_1_c_a_predecessor_ends_the_session_as_well(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    let second = server.refresh(&first).await;
    server.post("/revoke", &[("token", &first), ("client_id", P1)]).await.ok();
    server.assert_dead(&second.access_token(), &[&first, &second.refresh_token()]).await;
}

/// RFC 7009 §2.1: the server MAY revoke the refresh token together with an access token. tokend revokes that access token only.
async fn r2_1_c_an_access_token_goes_alone(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    let second = server.refresh(&first.refresh_token()).await;
    server.post("/revoke", &[("token", &first.access_token()), ("client_id", P1)]).await.ok();
    server.introspect(&first.access_token()).await.inactive();
    server.get_with("/userinfo", &first.access_token()).await.refused(401, "invalid_token");
    server.introspect(&second.access_token()).await.active();
    server.get_with("/userinfo", &second.access_token()).await.ok();
    server.refresh(&second.refresh_token()).await.ok();
}

/// RFC 7009 §2.2: the answer is 200 if the token was revoked and if it is invalid.
async fn r2_2_a_an_unknown_token_is_200_and_so_is_the_second_time(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_as(C1).await.refresh_token();
    for text in ["x", "tkr_", "a.b.c", &".".repeat(9_000), &token, &token] {
        let answer = server.post_as(C1, "/revoke", &[("token", text)]).await;
        assert_eq!((answer.ok().text.as_str(), answer.header("content-type")), ("{}", "application/json"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let expired = server.login_as(C1).await;
    server.clock.advance(31 * 86_400);
    server.post_as(C1, "/revoke", &[("token", &expired.access_token())]).await.ok();
    server.post_as(C1, "/revoke", &[("token", &expired.refresh_token())]).await.ok();
}

/// RFC 7009 §2.2.1: 503 tells the client that the token still exists; `Retry-After` MAY say for how long. A revocation is never answered
/// 200 before it is stored.
async fn r2_2_a_a_revocation_that_is_not_stored_is_503(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login_as(C1).await;
    server.app.store.close().await;
    for token in [answer.access_token(), answer.refresh_token()] {
        let refused = server.post_as(C1, "/revoke", &[("token", &token)]).await;
        assert_eq!(refused.refused(503, "temporarily_unavailable").header("retry-after"), "1");
    }
    let bulk = server.post_as(ADMIN, "/revoke", &[("of_client", C1.0)]).await;
    assert_eq!(bulk.refused(503, "temporarily_unavailable").header("retry-after"), "1");
}

on_both_databases!(
    r2_1_a_no_hint_hides_a_token,
    r2_1_a_a_client_authenticates_as_at_the_token_endpoint,
    r2_1_a_a_client_without_any_grant_may_revoke,
    r2_1_b_a_token_of_another_client_stays_and_nothing_tells_that_it_exists,
    r2_1_c_a_refresh_token_takes_the_access_tokens_of_its_session_along,
    r2_1_c_a_predecessor_ends_the_session_as_well,
    r2_1_c_an_access_token_goes_alone,
    r2_2_a_an_unknown_token_is_200_and_so_is_the_second_time,
    r2_2_a_a_revocation_that_is_not_stored_is_503,
);
