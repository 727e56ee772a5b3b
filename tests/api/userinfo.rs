//! `/userinfo`, beyond what OpenID Connect and RFC 6750 ask for.

use reqwest::Method;
use serde_json::json;

use crate::harness::{C1, Engine, P1, Settings, TestServer, on_both_databases};

async fn it_tells_what_is_so_at_the_moment(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    server.change_user(server.alice, |user| user.profile.email = Some("new@example.com".to_owned())).await;
    assert_eq!(server.get_with("/userinfo", &token).await.ok().json()["email"], "new@example.com");
    server
        .post("/logout", &[("refresh_token", &server.login().await.refresh_token()), ("all", "true")])
        .await
        .no_content();
    server.get_with("/userinfo", &token).await.refused(401, "invalid_token");
}

async fn the_operator_says_which_claims_belong_to_a_scope(engine: Engine) {
    let settings = Settings::with("[claims]\nscopes = { staff = ['roles', 'email'] }");
    let server = TestServer::start_with(engine, settings).await;
    server.change_client(P1, |client| client.scope = "openid staff profile email".parse().unwrap()).await;
    let sub = server.alice.to_string();
    for (scope, told) in [
        ("openid staff", json!({ "sub": sub, "roles": ["tester"], "email": "alice@example.com" })),
        ("openid profile email", json!({ "sub": sub })),
    ] {
        let token = server.login_asking(&[("scope", scope)]).await.access_token();
        assert_eq!(server.get_with("/userinfo", &token).await.ok().json(), told);
    }
}

async fn a_token_narrowed_by_refresh_tells_less(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.refresh_token();
    let narrow = server.post("/refresh", &[("refresh_token", &token), ("scope", "openid email")]).await;
    assert_eq!(
        server.get_with("/userinfo", &narrow.access_token()).await.ok().json(),
        json!({ "sub": server.alice.to_string(), "email": "alice@example.com", "email_verified": true })
    );
    let none = server.post("/refresh", &[("refresh_token", &narrow.refresh_token()), ("scope", "email")]).await;
    server.get_with("/userinfo", &none.access_token()).await.refused(403, "insufficient_scope");
}

async fn a_removed_user_or_client_is_invalid_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (alices, bobs) = (server.login_as(C1).await.access_token(), server.bobs_login().await.access_token());
    assert!(server.operator().users().remove(server.bob).await.unwrap());
    server.get_with("/userinfo", &bobs).await.refused(401, "invalid_token");
    server.get_with("/userinfo", &alices).await.ok();
    server.remove_client(C1.0).await;
    server.get_with("/userinfo", &alices).await.refused(401, "invalid_token");
}

async fn a_post_may_have_a_form_or_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    let post = || server.request(Method::POST, "/userinfo").bearer_auth(&token);
    server.send(post()).await.ok();
    server.send(post().form(&[("claims", "all")])).await.ok();
    for method in [Method::GET, Method::POST] {
        let request = server.request(method, "/userinfo?schema=openid&x=1").bearer_auth(&token);
        server.send(request).await.ok();
    }
    server.send(post().header("content-type", "text/plain").body("x")).await.refused(400, "invalid_request");
    let answer = server.send(server.request(Method::HEAD, "/userinfo").bearer_auth(&token)).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
}

async fn a_lost_database_is_503(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    server.app.store.close().await;
    let answer = server.get_with("/userinfo", &token).await;
    assert_eq!(answer.refused(503, "temporarily_unavailable").header("retry-after"), "1");
}

on_both_databases!(
    it_tells_what_is_so_at_the_moment,
    the_operator_says_which_claims_belong_to_a_scope,
    a_token_narrowed_by_refresh_tells_less,
    a_removed_user_or_client_is_invalid_token,
    a_post_may_have_a_form_or_nothing,
    a_lost_database_is_503,
);
