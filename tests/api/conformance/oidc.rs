//! OpenID Connect Core §5.3: userinfo.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{C1, Engine, P1, TestServer, on_both_databases};

/// What `/userinfo` says of Alice for a scope, both ways of asking.
async fn userinfo(server: &TestServer, scope: &str) -> Value {
    let token = server.login_asking(&[("scope", scope)]).await.access_token();
    let got = server.get_with("/userinfo", &token).await;
    let posted = server.send(server.request(Method::POST, "/userinfo").bearer_auth(&token)).await;
    for answer in [&got, &posted] {
        assert_eq!(answer.ok().header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(got.text, posted.text);
    got.json()
}

/// OpenID Connect Core §5.3.2, §5.4: `sub` MUST always be returned. `profile` and `email` request their claims, and no others are returned.
/// GET and POST MUST both be supported (§5.3).
async fn only_claims_of_granted_scopes_are_there_and_sub_always(engine: Engine) {
    let server = TestServer::start(engine).await;
    let sub = server.alice.to_string();
    assert_eq!(userinfo(&server, "openid").await, json!({ "sub": sub }));
    assert_eq!(
        userinfo(&server, "openid profile read").await,
        json!({ "sub": sub, "name": "The Tester", "preferred_username": "alice" })
    );
    assert_eq!(
        userinfo(&server, "email openid").await,
        json!({ "sub": sub, "email": "alice@example.com", "email_verified": true })
    );
}

/// OpenID Connect Core §5.4: `phone` and `address` request their claims.
async fn phone_and_address_have_their_scopes(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(P1, |client| client.scope = "openid phone address email".parse().unwrap()).await;
    let address = json!({ "locality": "Bern", "country": "CH" });
    server
        .change_user(server.alice, |user| {
            user.profile.claims.insert("phone_number".to_owned(), "+41 31 000 00 00".into());
            user.profile.claims.insert("phone_number_verified".to_owned(), false.into());
            user.profile.claims.insert("address".to_owned(), address.clone());
        })
        .await;
    let sub = server.alice.to_string();
    assert_eq!(
        userinfo(&server, "openid phone").await,
        json!({ "sub": sub, "phone_number": "+41 31 000 00 00", "phone_number_verified": false })
    );
    assert_eq!(userinfo(&server, "openid address").await, json!({ "sub": sub, "address": address }));
}

/// OpenID Connect Core §5.3.2: a claim that isn't returned SHOULD be omitted and SHOULD NOT be null.
async fn an_absent_claim_is_left_out_and_never_null(engine: Engine) {
    let server = TestServer::start(engine).await;
    server
        .change_user(server.alice, |user| {
            user.profile.email = None;
            user.profile.claims = serde_json::from_str(r#"{"name":null,"email_verified":null,"nickname":""}"#).unwrap();
        })
        .await;
    assert_eq!(
        userinfo(&server, "openid profile email").await,
        json!({ "sub": server.alice.to_string(), "preferred_username": "alice", "nickname": "" })
    );
}

/// OpenID Connect Core §5.3.2: `sub` MUST match the subject of the token, whatever claims the user has.
async fn no_claim_of_a_user_poses_as_the_subject(engine: Engine) {
    let server = TestServer::start(engine).await;
    server
        .change_user(server.alice, |user| {
            for name in ["sub", "preferred_username", "email"] {
                user.profile.claims.insert(name.to_owned(), "bob".into());
            }
        })
        .await;
    let info = userinfo(&server, "openid profile email").await;
    assert_eq!(info["sub"], server.alice.to_string());
    assert_eq!(
        (info["preferred_username"].as_str(), info["email"].as_str()),
        (Some("alice"), Some("alice@example.com"))
    );
}

/// OpenID Connect Core §5.3.1, §5.3.3: the token is one of an OpenID Connect request, whose scope has `openid`. Without it the answer is
/// `insufficient_scope` (RFC 6750 §3.1).
async fn a_token_without_openid_is_insufficient_scope(engine: Engine) {
    let server = TestServer::start(engine).await;
    for audience in [vec![], vec!["https://api.example.com".to_owned()]] {
        server.change_client(P1, |client| client.audience = audience).await;
        let token = server.login_asking(&[("scope", "profile email")]).await.access_token();
        server.get_with("/userinfo", &token).await.refused(403, "insufficient_scope");
    }
}

/// OpenID Connect Core §5.3: the endpoint returns claims about an end-user. The token of a client's own is refused.
async fn a_client_is_nobody_to_tell_of(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(C1.0, |client| client.audience.clear()).await;
    let own = server.own_token(C1, &[("scope", "openid profile")]).await;
    assert_eq!(own.claims()["aud"], "https://auth.example.com");
    server.get_with("/userinfo", &own.access_token()).await.refused(401, "invalid_token");
}

/// OpenID Connect Core §5.3: the endpoint SHOULD support CORS. Only pages of registered origins may read the answer.
async fn pages_of_allowed_origins_may_ask(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for (origin, allowed) in [("https://app.example.com", "https://app.example.com"), ("https://evil.example", "")] {
        let request = server.request(Method::GET, "/userinfo").bearer_auth(&token).header("origin", origin);
        assert_eq!(server.send(request).await.ok().header("access-control-allow-origin"), allowed);
    }
}

on_both_databases!(
    only_claims_of_granted_scopes_are_there_and_sub_always,
    phone_and_address_have_their_scopes,
    an_absent_claim_is_left_out_and_never_null,
    no_claim_of_a_user_poses_as_the_subject,
    a_token_without_openid_is_insufficient_scope,
    a_client_is_nobody_to_tell_of,
    pages_of_allowed_origins_may_ask,
);
