//! E: a revocation ends what it names, for those who may, and nothing else. Asserted by use, never by status.

use reqwest::Method;
use uuid::Uuid;

use crate::harness::{ADMIN, C1, C2, Engine, P1, RS1, STRICT, TestServer, on_both_databases, part};

/// RFC 7009 §2.2. Whatever the token is, there is nothing to learn and nothing to fear.
async fn nothing_is_learned_from_a_revocation(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let gone = server.bystander().await;
    let revoke = async |token: &str, hint: &str| {
        server.post("/revoke", &[("client_id", P1), ("token", token), ("token_type_hint", hint)]).await
    };
    let reference = revoke(&gone.refresh, "refresh_token").await;
    assert_eq!(reference.ok().text, "{}");
    for token in [
        &gone.refresh,
        &gone.access,
        &confidential.refresh,
        &confidential.access,
        &"garbage".to_owned(),
        &format!("tkr_{}", "A".repeat(110)),
        &"\u{1f511}".to_owned(),
        &Uuid::new_v4().to_string(),
    ] {
        for hint in ["", "access_token", "refresh_token", "id_token", "unknown", "urn:x", "\u{e9}"] {
            assert_eq!(
                revoke(token, hint).await.without_the_incidental(),
                reference.without_the_incidental(),
                "{hint}"
            );
        }
    }
    server.assert_lost_nothing(public).await;
    server.assert_lost_nothing(confidential).await;
}

/// The whole family and its access tokens, with either of its tokens, in the window too, whatever the hint says.
async fn a_refresh_token_takes_its_family_with_it(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (presented, hint) in [(0, "refresh_token"), (1, "refresh_token"), (0, "access_token"), (1, "unknown")] {
        let first = server.login().await;
        let second = server.refresh(&first.refresh_token()).await;
        let tokens = [first.refresh_token(), second.refresh_token()];
        server
            .post("/revoke", &[("client_id", P1), ("token", &tokens[presented]), ("token_type_hint", hint)])
            .await
            .ok();
        server.assert_dead(&first.access_token(), &[&tokens[0]]).await;
        server.assert_dead(&second.access_token(), &[&tokens[1]]).await;
    }
}

/// RFC 7009 §2.1: an access token ends alone.
async fn an_access_token_ends_alone(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    let second = server.refresh(&first.refresh_token()).await;
    server.post("/revoke", &[("client_id", P1), ("token", &first.access_token())]).await.ok();
    server.introspect(&first.access_token()).await.inactive();
    server.get_with("/userinfo", &first.access_token()).await.refused(401, "invalid_token");
    server.get_with("/userinfo", &second.access_token()).await.ok();
    // What was revoked is no way to end the session either.
    let request = server.request(Method::POST, "/logout").bearer_auth(first.access_token()).form(&[("all", "true")]);
    server.send(request).await.refused(401, "invalid_token");
    server.refresh(&second.refresh_token()).await.ok();
}

/// CVE-2016-6582, CVE-2018-1000211. A public client revokes its own, and only that.
async fn a_public_client_revokes_its_own_only(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (app, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    for token in [&app.refresh, &app.access, &confidential.refresh, &confidential.access] {
        server.post("/revoke", &[("client_id", STRICT), ("token", token)]).await.ok();
        server.post_as(C2, "/revoke", &[("token", token)]).await.ok();
        server.post_as(RS1, "/revoke", &[("token", token)]).await.ok();
        server.post("/revoke", &[("token", token)]).await.refused(401, "invalid_client");
        server.post("/revoke", &[("client_id", "nobody"), ("token", token)]).await.refused(401, "invalid_client");
        server.post("/revoke", &[("client_id", C1.0), ("token", token)]).await.refused(401, "invalid_client");
        let bearer = server.request(Method::POST, "/revoke").bearer_auth(&app.access).form(&[("token", token)]);
        server.send(bearer).await.refused(401, "invalid_client");
    }
    let machine = server.post_as(C2, "/token", &[("grant_type", "client_credentials")]).await.access_token();
    server.post("/revoke", &[("client_id", P1), ("token", &machine)]).await.ok();
    server.post_as(C1, "/revoke", &[("token", &machine)]).await.ok();
    server.introspect(&machine).await.active();
    server.assert_untouched(&app, "what others tried").await;
    server.post("/revoke", &[("client_id", P1), ("token", &app.refresh)]).await.ok();
    server.assert_dead(&app.access, &[&app.refresh]).await;
    server.assert_lost_nothing(confidential).await;
}

/// The right to revoke hangs on no grant.
async fn a_client_without_grants_can_revoke(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    assert_eq!(server.post_as(ADMIN, "/revoke", &[("token", &bystander.access)]).await.ok().text, "{}");
    server.introspect(&bystander.access).await.inactive();
    let next = server.exchange_as(C1, &bystander.refresh).await;
    server.post_as(ADMIN, "/revoke", &[("token", &next.refresh_token())]).await.ok();
    server.assert_dead(&next.access_token(), &[]).await;
    server.exchange_as(C1, &next.refresh_token()).await.refused(400, "invalid_grant");
}

/// Only an administrator ends sessions in bulk; a confused request ends nothing.
async fn bulk_revocation_is_for_administrators(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let (sid, alice) = (public.session.to_string(), server.alice.to_string());
    let all = [("sid", sid.as_str()), ("sub", alice.as_str()), ("username", "alice"), ("of_client", P1)];
    for what in all {
        for client in [C1, C2, RS1] {
            server.post_as(client, "/revoke", &[what]).await.refused(403, "unauthorized_client");
        }
        server.post("/revoke", &[what, ("client_id", P1)]).await.refused(403, "unauthorized_client");
        server.post("/revoke", &[what]).await.refused(401, "invalid_client");
        server.post_as(ADMIN, "/revoke", &[what, ("token", &public.refresh)]).await.refused(400, "invalid_request");
        server.post_as(ADMIN, &format!("/revoke?{}={}", what.0, what.1), &[]).await.refused(400, "invalid_request");
        for other in all.iter().filter(|other| other.0 != what.0) {
            server.post_as(ADMIN, "/revoke", &[what, *other]).await.refused(400, "invalid_request");
        }
    }
    for (name, value) in [
        ("sid", "x"),
        ("sid", "*"),
        ("sid", "%"),
        ("sid", "00000000-0000-0000-0000-000000000000"),
        ("sub", "alice"),
        ("sub", "%"),
        ("sub", "00000000-0000-0000-0000-000000000000"),
        ("username", "nobody"),
        ("username", "%"),
        ("username", "a_ice"),
        ("username", "\u{200b}"),
        ("of_client", "nobody"),
        ("of_client", "ap_"),
        ("of_client", "%"),
        ("of_client", " "),
    ] {
        let answer = server.post_as(ADMIN, "/revoke", &[(name, value)]).await;
        assert_eq!(answer.ok().text, r#"{"revoked":0}"#, "{name}={value}");
    }
    server.assert_lost_nothing(public).await;
    server.assert_lost_nothing(confidential).await;
}

/// What is forgotten must be dead for every node: the clock of one may be behind that of the one that forgets.
async fn a_revocation_is_remembered_for_nodes_with_a_slow_clock(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    server.post("/revoke", &[("client_id", P1), ("token", &bystander.access)]).await.ok();
    server.clock.advance(900);
    server.app.store.revoked_tokens().purge(server.clock.now()).await.unwrap();
    server.clock.advance(-5);
    server.introspect(&bystander.access).await.inactive();
    server.clock.advance(1_000);
    assert_eq!(server.app.store.revoked_tokens().purge(server.clock.now()).await.unwrap(), 1);
}

/// A token that only looks like the victim's: the `jti` counts when the signature does.
async fn a_forged_token_revokes_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let [header, claims, _] = bystander.access.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let none = crate::harness::encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    assert!(part(&bystander.access, 1)["jti"].is_string());
    for forged in [format!("{header}.{claims}."), format!("{header}.{claims}.AAAA"), format!("{none}.{claims}.")] {
        server.post("/revoke", &[("client_id", P1), ("token", &forged)]).await.ok();
        server.post_as(ADMIN, "/revoke", &[("token", &forged)]).await.ok();
        server.assert_untouched(&bystander, &forged).await;
    }
    server.assert_lost_nothing(bystander).await;
}

on_both_databases!(
    nothing_is_learned_from_a_revocation,
    a_refresh_token_takes_its_family_with_it,
    an_access_token_ends_alone,
    a_public_client_revokes_its_own_only,
    a_client_without_grants_can_revoke,
    bulk_revocation_is_for_administrators,
    a_revocation_is_remembered_for_nodes_with_a_slow_clock,
    a_forged_token_revokes_nothing,
);
