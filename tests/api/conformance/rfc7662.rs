//! RFC 7662: introspection.

use reqwest::Method;
use tokend::domain::SigningAlgorithm;

use crate::harness::{API, C1, C2, Engine, P1, RS1, RS2, START, TestServer, on_both_databases, who_sees};

/// RFC 7662 §2.1: the endpoint MUST require authorization of the caller.
async fn r2_1_a_the_caller_must_be_authorised(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let form = [("token", token.as_str())];
    for caller in [vec![], vec![("client_id", RS1.0)], vec![("client_id", P1)], vec![("client_id", "unknown")]] {
        server.post("/introspect", &[&form[..], &caller].concat()).await.refused(401, "invalid_client");
    }
    server.post_as((RS1.0, RS2.1), "/introspect", &form).await.refused(401, "invalid_client");
    server.post_as(C1, "/introspect", &form).await.refused(403, "unauthorized_client");
    let by_post = [("token", token.as_str()), ("client_id", RS1.0), ("client_secret", RS1.1)];
    server.post("/introspect", &by_post).await.active();
}

/// RFC 7662 §2.1, §4: the request is a POST of a form. The server MAY disallow GET, so that no token is in a URI; tokend does.
async fn r2_1_a_a_token_in_the_address_is_refused(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    server.post_as(RS1, &format!("/introspect?token={token}"), &[]).await.refused(400, "invalid_request");
    let both = server.post_as(RS1, &format!("/introspect?token={token}"), &[("token", &token)]).await;
    both.refused(400, "invalid_request");
    let get = server.request(Method::GET, &format!("/introspect?token={token}")).basic_auth(RS1.0, Some(RS1.1));
    assert_eq!(server.send(get).await.refused(405, "invalid_request").header("allow"), "POST");
}

/// RFC 7662 §2.1: `token` is REQUIRED. If `token_type_hint` doesn't lead to it, the search MUST be extended to all token types.
async fn r2_1_a_a_token_is_found_whatever_the_hint(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    for token in [answer.access_token(), answer.refresh_token()] {
        for hint in ["access_token", "refresh_token", "saml2_assertion", ""] {
            let form = [("token", token.as_str()), ("token_type_hint", hint)];
            server.post_as(who_sees(&token), "/introspect", &form).await.active();
        }
    }
    server.post_as(RS1, "/introspect", &[]).await.refused(400, "invalid_request");
}

/// RFC 7662 §2.2: `active` is a REQUIRED boolean. `scope`, `client_id`, `username`, `token_type`, `exp`, `iat`, `nbf`, `sub`, `aud`, `iss`
/// and `jti` are OPTIONAL; tokend includes all that it knows.
async fn r2_2_a_an_active_answer_says_all_that_is_known(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.clock.advance(5);
    let signed_in = server.login().await;
    let claims = signed_in.claims();
    server.clock.advance(60);
    let answer = server.introspect(&signed_in.access_token()).await;
    assert_eq!(
        answer.active().json(),
        serde_json::json!({
            "active": true,
            "scope": "openid profile email read write",
            "client_id": P1,
            "username": "alice",
            "token_type": "Bearer",
            "exp": START + 5 + 900,
            "iat": START + 5,
            "nbf": START + 5,
            "sub": server.alice.to_string(),
            "aud": [API, "https://auth.example.com"],
            "iss": "https://auth.example.com",
            "jti": claims["jti"],
            "sid": claims["sid"],
            "auth_time": START + 5,
            "roles": ["tester"],
        })
    );
    assert_eq!((answer.header("cache-control"), answer.header("content-type")), ("no-store", "application/json"));
}

/// RFC 7662 §2.2: `username` identifies the resource owner. The token of a client's own has none.
async fn r2_2_a_a_clients_own_token_has_no_user(engine: Engine) {
    let server = TestServer::start(engine).await;
    let own = server.own_token(C1, &[("scope", "read")]).await;
    let json = server.introspect(&own.access_token()).await.active().json();
    assert_eq!(
        (json["sub"].as_str(), json["client_id"].as_str(), json["scope"].as_str()),
        (Some("c1"), Some("c1"), Some("read"))
    );
    for absent in ["username", "sid", "auth_time", "roles"] {
        assert_eq!(json.get(absent), None);
    }
}

/// RFC 7662 §2.2: a token that isn't active, doesn't exist or isn't for the caller MUST be answered with `active` false, and SHOULD NOT be
/// answered with anything else.
async fn r2_2_b_everything_else_is_one_text(engine: Engine) {
    let server = TestServer::start(engine).await;
    let dead = server.login().await;
    server.post("/logout", &[("refresh_token", &dead.refresh_token())]).await.no_content();
    let others = server.login_asking(&[("resource", API)]).await.access_token();
    let mut answers = Vec::new();
    for token in [&dead.access_token(), &dead.refresh_token(), "x", "tkr_", "a.b.c", &".".repeat(9_000), "é\u{1F600}"]
    {
        answers.push(server.introspect(token).await.inactive().clone());
    }
    answers.push(server.post_as(RS2, "/introspect", &[("token", &others)]).await.inactive().clone());
    for answer in &answers {
        let mut headers = answer.headers.clone();
        let mut first = answers[0].headers.clone();
        for varying in ["x-request-id", "date"] {
            assert!(headers.remove(varying).is_some() && first.remove(varying).is_some());
        }
        assert_eq!(headers, first);
    }
}

/// RFC 7662 §2.2: a resource server that isn't allowed to introspect a token MUST get `active` false. It is allowed the audiences that it
/// serves.
async fn r2_2_c_a_resource_server_learns_only_of_tokens_for_the_audiences_it_serves(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    for token in [answer.access_token(), server.own_token(C1, &[]).await.access_token()] {
        server.post_as(RS1, "/introspect", &[("token", &token)]).await.active();
        server.post_as(RS2, "/introspect", &[("token", &token)]).await.inactive();
    }
    server.change_client(RS2.0, |client| client.serves.push(API.to_owned())).await;
    server.post_as(RS2, "/introspect", &[("token", &answer.access_token())]).await.active();
}

/// RFC 7662 §2.2: a client that isn't allowed to introspect a token MUST get `active` false. It is allowed its own tokens, if it may
/// introspect at all.
async fn r2_2_c_a_client_that_may_introspect_sees_its_own(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(C1.0, |client| client.may_introspect = true).await;
    let (own, signed_in) = (server.own_token(C1, &[]).await, server.login_as(C1).await);
    let others = server.login_as(C2).await;
    for token in [own.access_token(), signed_in.access_token(), signed_in.refresh_token()] {
        server.post_as(C1, "/introspect", &[("token", &token)]).await.active();
    }
    for token in [others.access_token(), others.refresh_token(), server.login().await.access_token()] {
        server.post_as(C1, "/introspect", &[("token", &token)]).await.inactive();
    }
}

/// RFC 7662 §2.3: a caller with invalid credentials, or with a bearer token that is invalid, is answered 401. A bearer token without the
/// scope is answered 403 (RFC 6750 §3.1).
async fn r2_3_a_a_caller_that_fails_is_401_and_one_without_the_scope_403(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let basic = server.post_as((RS1.0, "wrong"), "/introspect", &[("token", &token)]).await;
    assert!(basic.refused(401, "invalid_client").header("www-authenticate").starts_with("Basic "));
    let bearer = async |caller: &str| {
        server.send(server.request(Method::POST, "/introspect").bearer_auth(caller).form(&[("token", &token)])).await
    };
    let unknown = bearer("x").await;
    assert_eq!(
        unknown.refused(401, "invalid_token").header("www-authenticate"),
        r#"Bearer realm="tokend", error="invalid_token""#
    );
    let revoked = server.own_token(RS1, &[]).await.access_token();
    bearer(&revoked).await.active();
    server.post_as(RS1, "/revoke", &[("token", &revoked)]).await.ok();
    bearer(&revoked).await.refused(401, "invalid_token");
    for without in [token.clone(), server.own_token(C1, &[("scope", "read")]).await.access_token()] {
        let answer = bearer(&without).await;
        let challenge = answer.refused(403, "insufficient_scope").header("www-authenticate");
        assert_eq!(challenge, r#"Bearer realm="tokend", error="insufficient_scope", scope="introspect""#);
    }
}

/// RFC 7662 §4: the server MUST determine whether the token has expired.
async fn r4_a_times_are_checked_to_the_second(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    server.clock.advance(899);
    server.introspect(&answer.access_token()).await.active();
    server.clock.advance(1);
    server.introspect(&answer.access_token()).await.inactive();
    server.introspect(&answer.refresh_token()).await.active();
    server.clock.advance(30 * 86_400 - 901);
    server.introspect(&answer.refresh_token()).await.active();
    server.clock.advance(1);
    server.introspect(&answer.refresh_token()).await.inactive();
}

/// RFC 7662 §4: the server MUST validate the signature of a signed token.
async fn r4_a_the_signature_and_the_key_are_checked(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = server.login().await.access_token();
    let others_signature = other.rsplit_once('.').unwrap().1;
    for forged in
        [format!("{signed}.{others_signature}"), format!("{signed}."), format!("{signed}.{}", &signature[1..])]
    {
        server.introspect(&forged).await.inactive();
    }
    let keys = server.app.store.signing_keys().list().await.unwrap();
    server.add_key(SigningAlgorithm::EdDsa, START).await;
    server.introspect(&token).await.active();
    server.operator().signing_keys().remove(&keys[0].kid).await.unwrap();
    server.app.registry.refresh().await.unwrap();
    server.introspect(&token).await.inactive();
}

/// RFC 7662 §4: the server MUST perform all applicable checks against the token's state. The tokens of a disabled user or client are
/// inactive.
async fn r4_a_the_state_of_the_user_and_the_client_is_checked(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (alices, bobs) = (server.login().await, server.bobs_login().await);
    let own = server.own_token(C1, &[]).await.access_token();
    server.operator().users().disable(server.alice, server.clock.now()).await.unwrap().unwrap();
    server.assert_dead(&alices.access_token(), &[&alices.refresh_token()]).await;
    server.introspect(&bobs.access_token()).await.active();
    server.operator().users().enable(server.alice).await.unwrap();
    server.assert_dead(&alices.access_token(), &[&alices.refresh_token()]).await;

    let now = server.clock.now();
    server.change_client(P1, |client| client.disabled_at = Some(now)).await;
    server.assert_dead(&bobs.access_token(), &[&bobs.refresh_token()]).await;
    server.change_client(C1.0, |client| client.disabled_at = Some(now)).await;
    server.introspect(&own).await.inactive();
    server.remove_client(C1.0).await;
    server.introspect(&own).await.inactive();
}

/// RFC 7662 §4: the server MUST determine whether the token was revoked. When it can't, it answers 503.
async fn r4_a_without_the_database_nothing_is_said_to_be_active(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    let own = server.own_token(C1, &[]).await.access_token();
    server.introspect(&answer.access_token()).await.active();
    server.app.store.close().await;
    for token in [answer.access_token(), answer.refresh_token(), own] {
        let refused = server.introspect(&token).await;
        assert_eq!(refused.refused(503, "temporarily_unavailable").header("retry-after"), "1");
    }
}

on_both_databases!(
    r2_1_a_the_caller_must_be_authorised,
    r2_1_a_a_token_in_the_address_is_refused,
    r2_1_a_a_token_is_found_whatever_the_hint,
    r2_2_a_an_active_answer_says_all_that_is_known,
    r2_2_a_a_clients_own_token_has_no_user,
    r2_2_b_everything_else_is_one_text,
    r2_2_c_a_resource_server_learns_only_of_tokens_for_the_audiences_it_serves,
    r2_2_c_a_client_that_may_introspect_sees_its_own,
    r2_3_a_a_caller_that_fails_is_401_and_one_without_the_scope_403,
    r4_a_times_are_checked_to_the_second,
    r4_a_the_signature_and_the_key_are_checked,
    r4_a_the_state_of_the_user_and_the_client_is_checked,
    r4_a_without_the_database_nothing_is_said_to_be_active,
);
