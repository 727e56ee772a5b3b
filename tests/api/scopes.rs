//! Which scope a token gets, and in which order it is told.

use serde_json::Value;
use tokend::domain::{Client, Grant, Grants};

use crate::harness::{
    AUDITOR, Answer, C1, Engine, P1, PASSWORD, RS1, TestServer, confidential, on_both_databases, registered,
};

/// The scope of an answer, which its access token has too.
#[track_caller]
fn scope(answer: &Answer) -> String {
    let scope = answer.ok().text_at("scope");
    assert_eq!(answer.claims().get("scope").and_then(Value::as_str).unwrap_or_default(), scope);
    scope
}

async fn a_scope_comes_back_in_the_order_in_which_it_was_asked_for(engine: Engine) {
    let server = TestServer::start(engine).await;
    for asked in ["write openid read", "read write", "profile email openid"] {
        let signed_in = server.login_asking(&[("scope", asked)]).await;
        assert_eq!(scope(&signed_in), asked);
        for token in [signed_in.access_token(), signed_in.refresh_token()] {
            assert_eq!(server.introspect(&token).await.active().text_at("scope"), asked);
        }
        let by_one_statement =
            [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", &signed_in.refresh_token())];
        let refreshed = server.post("/token", &by_one_statement).await;
        assert_eq!(scope(&refreshed), asked);
        assert_eq!(scope(&server.refresh(&refreshed.refresh_token()).await), asked);
        let narrowed =
            server.post("/refresh", &[("refresh_token", &refreshed.refresh_token()), ("scope", "openid")]).await;
        assert_eq!(narrowed.status, if asked.contains("openid") { 200 } else { 400 });
        assert_eq!(scope(&server.own_token(C1, &[("scope", asked)]).await), asked);
    }
    let mut reversed: Vec<&str> = vec!["read", "profile", "openid"];
    let signed_in = server.login_asking(&[("scope", "openid profile read")]).await.refresh_token();
    for _ in 0..2 {
        let asked = reversed.join(" ");
        assert_eq!(scope(&server.post("/refresh", &[("refresh_token", &signed_in), ("scope", &asked)]).await), asked);
        reversed.reverse();
    }
}

async fn a_client_that_asks_for_none_gets_its_registrations_order(engine: Engine) {
    let server = TestServer::start(engine).await;
    assert_eq!(scope(&server.login().await), "openid profile email read write");
    server.change_client(P1, |client| client.scope = "write read openid profile email".parse().unwrap()).await;
    assert_eq!(scope(&server.login().await), "write read openid profile email", "and nobody was signed out for it");
}

/// OpenID Connect Core §11: many clients always ask for it, at every grant.
async fn offline_access_is_ignored_for_a_client_that_refreshes(engine: Engine) {
    let server = TestServer::start(engine).await;
    let signed_in = server.login_asking(&[("scope", "openid offline_access read")]).await;
    assert_eq!(scope(&signed_in), "openid read");
    let again = [("refresh_token", signed_in.refresh_token()), ("scope", "offline_access read openid".to_owned())];
    let again: Vec<(&str, &str)> = again.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(scope(&server.post("/refresh", &again).await), "read openid");
    let form =
        [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("scope", "offline_access read")];
    assert_eq!(scope(&server.post_as(C1, "/token", &form).await), "read");
    assert_eq!(scope(&server.own_token(C1, &[("scope", "read offline_access")]).await), "read");
    assert_eq!(scope(&server.own_token(C1, &[("scope", "offline_access")]).await), "", "nothing that wasn't named");
    server.own_token(C1, &[("scope", "offline_access nothing")]).await.refused(400, "invalid_scope");
    server.own_token(C1, &[("scope", "OFFLINE_ACCESS read")]).await.refused(400, "invalid_scope");
    // Without the grant there is nothing that it could mean.
    server.own_token(RS1, &[("scope", "introspect offline_access")]).await.refused(400, "invalid_scope");
    // Registered, it is a scope like any other.
    server.change_client(P1, |client| client.scope = "openid offline_access".parse().unwrap()).await;
    let registered = server.login_asking(&[("scope", "offline_access openid")]).await;
    assert_eq!(scope(&registered), "offline_access openid");
}

fn admin_of(scope: &str, admin: bool) -> Client {
    let grants = Grants::from(Grant::ALL);
    let (scope, first_party) = (scope.parse().unwrap(), true);
    Client { grants, scope, admin, first_party, ..confidential(("boss", C1.1)) }
}

const BOSS: (&str, &str) = ("boss", C1.1);

async fn an_administrators_words_are_named_by_an_administrator(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.add_client(admin_of("read admin:users openid", true)).await;
    assert_eq!(scope(&server.own_token(BOSS, &[]).await), "read openid");
    let named = server.own_token(BOSS, &[("scope", "admin:users read")]).await;
    assert_eq!(scope(&named), "admin:users read");
    assert_eq!(scope(&server.login_as(BOSS).await), "read openid");
    let form =
        [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("scope", "openid admin:users")];
    let session = server.post_as(BOSS, "/token", &form).await;
    let refreshed = server.exchange_as(BOSS, &session.refresh_token()).await;
    assert_eq!(
        (scope(&session), scope(&refreshed)),
        ("openid admin:users".to_owned(), "openid admin:users".to_owned())
    );
    // What rests on the right ends with it.
    let plain = server.login_as(BOSS).await;
    server.change_client(BOSS.0, |client| client.admin = false).await;
    let ask = async |token: &str| server.post_as(AUDITOR, "/introspect", &[("token", token)]).await;
    server.change_client(AUDITOR.0, |client| client.serves = registered(RS1.0).serves).await;
    for token in [session.refresh_token(), refreshed.refresh_token(), named.access_token()] {
        ask(&token).await.inactive();
    }
    server.exchange_as(BOSS, &refreshed.refresh_token()).await.refused(400, "invalid_grant");
    server.exchange_as(BOSS, &plain.refresh_token()).await.ok();
    server.own_token(BOSS, &[("scope", "admin:users")]).await.refused(400, "invalid_scope");
}

/// An older version registered such words for anybody, and granted them.
async fn a_registration_without_the_right_grants_no_administrators_words(engine: Engine) {
    let server = TestServer::start(engine).await;
    let words = "read admin:users";
    server.add_client(admin_of(words, true)).await;
    let own = server.own_token(BOSS, &[("scope", words)]).await.access_token();
    let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("scope", words)];
    let session = server.post_as(BOSS, "/token", &form).await;
    let ask = async |token: &str| server.post_as(BOSS, "/introspect", &[("token", token)]).await;
    // Behind the back of the code that would end the session: as it is found after an upgrade.
    let statement = "UPDATE clients SET admin = false, may_introspect = true, version = version + 1 WHERE id = 'boss'";
    server.database.execute(statement).await;
    server.database.execute("UPDATE registry SET version = version + 1").await;
    server.app.registry.refresh().await.unwrap();
    for token in [own, session.access_token()] {
        ask(&token).await.inactive();
        server.get_with("/userinfo", &token).await.refused(401, "invalid_token");
    }
    assert_eq!(ask(&session.refresh_token()).await.active().text_at("scope"), "read");
    let refreshed = server.exchange_as(BOSS, &session.refresh_token()).await;
    assert_eq!(scope(&refreshed), "read");
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", &refreshed.refresh_token()), ("scope", "admin:users")];
    server.post_as(BOSS, "/token", &form).await.refused(400, "invalid_scope");
    assert_eq!(scope(&server.own_token(BOSS, &[]).await), "read");
    server.own_token(BOSS, &[("scope", "admin:users")]).await.refused(400, "invalid_scope");
}

on_both_databases!(
    a_scope_comes_back_in_the_order_in_which_it_was_asked_for,
    a_client_that_asks_for_none_gets_its_registrations_order,
    offline_access_is_ignored_for_a_client_that_refreshes,
    an_administrators_words_are_named_by_an_administrator,
    a_registration_without_the_right_grants_no_administrators_words,
);
