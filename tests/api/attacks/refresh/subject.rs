//! What happens to a session when its user, its password, its time or the server's keys change.

use serde_json::json;
use tokend::password::PlainPassword;

use crate::harness::{BOBS_PASSWORD, C1, Engine, PASSWORD, START, Settings, TestServer, on_both_databases, part};

/// CVE-2023-22492, CVE-2026-43983, CVE-2026-1609, GHSA-wv3h-x6c4-r867, GO-2025-4137. At once, on every path, and for
/// good: enabling the user again doesn't bring the session back.
async fn a_disabled_or_removed_user(engine: Engine) {
    for remove in [false, true] {
        let server = TestServer::start(engine).await;
        let node = server.another_node().await;
        let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
        let bob = server.post("/login", &[("username", "bob"), ("password", BOBS_PASSWORD)]).await;
        if remove {
            assert!(server.operator().users().remove(server.alice).await.unwrap());
        } else {
            assert_eq!(server.operator().users().disable(server.alice, START).await.unwrap(), Some(2));
        }
        let elsewhere = reqwest::Client::new().post(format!("{}/refresh", node.base));
        let elsewhere = elsewhere.form(&[("refresh_token", &public.refresh)]);
        server.send(elsewhere).await.refused(401, "invalid_grant");
        server.exchange_as(C1, &confidential.refresh).await.refused(400, "invalid_grant");
        server.login().await.refused(401, "invalid_grant");
        if !remove {
            assert!(server.operator().users().enable(server.alice).await.unwrap());
        }
        server.assert_dead(&public.access, &[&public.refresh]).await;
        server.assert_dead(&confidential.access, &[]).await;
        server.exchange_as(C1, &confidential.refresh).await.refused(400, "invalid_grant");
        server.refresh(&bob.refresh_token()).await.ok();
    }
}

/// GHSA-x4vh-j75g-268g, CVE-2026-43911, authorizer#669. Before the change is answered, not soon after.
async fn a_new_password(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let bob = server.post("/login", &[("username", "bob"), ("password", BOBS_PASSWORD)]).await;
    let new = "a much better password";
    let hash = server.app.hasher.hash(PlainPassword::chosen(new).unwrap()).await.unwrap();
    let ended = server.operator().users().set_password(server.alice, hash.as_str(), START).await.unwrap();
    assert_eq!(ended, Some(2));
    server.assert_dead(&public.access, &[&public.refresh]).await;
    server.assert_dead(&confidential.access, &[]).await;
    server.exchange_as(C1, &confidential.refresh).await.refused(400, "invalid_grant");
    server.login().await.refused(401, "invalid_grant");
    server.post("/login", &[("username", "alice"), ("password", new)]).await.ok();
    server.refresh(&bob.refresh_token()).await.ok();
}

/// The end that was set at the sign-in stays where it is, however often the session is used.
async fn rotation_does_not_extend_the_absolute_lifetime(engine: Engine) {
    let toml =
        format!("{}\n[sessions]\nidle_lifetime = \"1000s\"\nabsolute_lifetime = \"3000s\"\n", Settings::default().toml);
    let server = TestServer::start_with(engine, Settings { toml }).await;
    let used = server.login().await;
    let idle = server.bystander().await;
    let mut token = used.refresh_token();
    for _ in 0..3 {
        server.clock.advance(999);
        let answer = server.refresh(&token).await;
        let expires_in = answer.ok().json()["expires_in"].as_i64().unwrap();
        assert!(server.clock.now() + expires_in <= START + 3_000, "no access token outlives its session");
        token = answer.refresh_token();
    }
    server.assert_dead(&idle.access, &[&idle.refresh]).await;
    server.clock.advance(2);
    server.introspect(&token).await.active();
    server.clock.advance(1);
    server.introspect(&token).await.inactive();
    server.refresh(&token).await.refused(401, "invalid_grant");
}

/// A lifetime that is lowered holds for the sessions that there are.
async fn a_lowered_lifetime_holds_for_old_sessions(engine: Engine) {
    let server = TestServer::start(engine).await;
    let session = server.bystander().await;
    let client = server.app.store.clients().find(&"app".parse().unwrap()).await.unwrap().unwrap();
    let next = tokend::domain::Client { idle_lifetime: Some(60), ..client.clone() };
    let lost = client.rights_lost(&next, Vec::new());
    assert_eq!(server.operator().clients().update(&next, &lost, START).await.unwrap(), Some(0));
    server.app.registry.refresh().await.unwrap();
    server.assert_untouched(&session, "the change").await;
    server.clock.advance(60);
    server.assert_dead(&session.access, &[&session.refresh]).await;
}

/// Duende Support#667. An access token that can't be made must not cost the refresh token.
async fn a_failure_to_sign_does_not_use_the_token_up(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let kid = part(&public.access, 0)["kid"].as_str().unwrap().to_owned();
    let key = server.app.store.signing_keys().list().await.unwrap().remove(0);
    assert!(server.operator().signing_keys().remove(&kid).await.unwrap());
    server.app.registry.refresh().await.unwrap();
    server.refresh(&public.refresh).await.refused(500, "server_error");
    server.exchange_as(C1, &confidential.refresh).await.refused(500, "server_error");
    server.login().await.refused(500, "server_error");
    server.post_as(C1, "/token", &[("grant_type", "client_credentials")]).await.refused(500, "server_error");
    server.operator().signing_keys().insert(&key).await.unwrap();
    server.app.registry.refresh().await.unwrap();
    server.assert_lost_nothing(public).await;
    server.assert_lost_nothing(confidential).await;
}

/// The way it happens in practice: somebody is given more claims than a token can hold.
async fn claims_that_no_token_can_hold_cost_nobody_the_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let found = server.app.store.sessions().find(bystander.session).await.unwrap().unwrap().user;
    let large = json!({ "roles": "r".repeat(9_000) }).as_object().unwrap().clone();
    server.change_user(found.id, |user| user.profile.claims = large).await;
    let (refreshed, again) = (server.refresh(&bystander.refresh).await, server.login().await);
    assert!([&refreshed, &again].iter().all(|answer| answer.claims().get("roles").is_none()));
    server.change_user(found.id, |user| user.profile.claims = found.profile.claims).await;
    assert_eq!(server.refresh(&refreshed.refresh_token()).await.claims()["roles"], json!(["tester"]));
}

/// What is narrowed is the access token; the refresh token keeps what the sign-in was granted, and no more.
async fn a_narrowed_token_does_not_narrow_nor_widen_the_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("username", "alice"), ("password", PASSWORD), ("scope", "openid read")];
    let first = server.post("/login", &form).await.refresh_token();
    let narrow = server.post("/refresh", &[("refresh_token", first.as_str()), ("scope", "read")]).await;
    assert_eq!(
        (narrow.ok().text_at("scope"), part(&narrow.access_token(), 1)["scope"].as_str()),
        ("read".to_owned(), Some("read"))
    );
    let token = narrow.refresh_token();
    for wider in ["openid read write", "write", "openid read email"] {
        server
            .post("/refresh", &[("refresh_token", token.as_str()), ("scope", wider)])
            .await
            .refused(400, "invalid_scope");
    }
    let whole = server.refresh(&token).await;
    assert_eq!(whole.text_at("scope"), "openid read");
    // In the window too: a retry gets no more than the session has.
    let retry = server.post("/refresh", &[("refresh_token", token.as_str()), ("scope", "write")]).await;
    retry.refused(400, "invalid_scope");
    let other = "https://other.example.com";
    let retry = server.post("/refresh", &[("refresh_token", token.as_str()), ("resource", other)]).await;
    retry.refused(400, "invalid_target");
}

on_both_databases!(
    a_disabled_or_removed_user,
    a_new_password,
    rotation_does_not_extend_the_absolute_lifetime,
    a_lowered_lifetime_holds_for_old_sessions,
    a_failure_to_sign_does_not_use_the_token_up,
    claims_that_no_token_can_hold_cost_nobody_the_session,
    a_narrowed_token_does_not_narrow_nor_widen_the_session,
);
