//! For whom tokens are: RFC 8707 at every endpoint that issues them.

use serde_json::{Value, json};

use crate::harness::{API, C1, Engine, Forge, P1, PASSWORD, RS1, RS2, Settings, TestServer, on_both_databases};

const OTHER: &str = "https://other.example.com";
const ISSUER: &str = "https://auth.example.com";

/// A server on which the public client's tokens may be for two resource servers.
async fn two_resources(engine: Engine) -> TestServer {
    let server = TestServer::start(engine).await;
    server.change_client(P1, |client| client.audience = vec![API.to_owned(), OTHER.to_owned()]).await;
    server
}

/// Exchanges a refresh token for certain resources at both endpoints. The last token and its audience.
async fn refresh_for(server: &TestServer, token: &str, resources: &[&str]) -> (String, Value) {
    let resources = resources.iter().map(|resource| ("resource", *resource));
    let form: Vec<_> = [("refresh_token", token), ("client_id", P1)].into_iter().chain(resources).collect();
    let first = server.post("/refresh", &form).await;
    let form: Vec<_> = form.into_iter().chain([("grant_type", "refresh_token")]).collect();
    let second = server.post("/token", &form).await;
    assert_eq!(first.claims()["aud"], second.claims()["aud"]);
    (second.refresh_token(), second.claims()["aud"].clone())
}

async fn a_sign_in_is_for_what_it_asks_for(engine: Engine) {
    let server = two_resources(engine).await;
    assert_eq!(server.login_asking(&[("scope", "read")]).await.claims()["aud"], json!([API, OTHER]));
    for (resource, sees, sees_not) in [(API, RS1, RS2), (OTHER, RS2, RS1)] {
        let answer = server.login_asking(&[("resource", resource)]).await;
        assert_eq!(answer.claims()["aud"], resource);
        let (access, refresh) = (answer.access_token(), answer.refresh_token());
        server.post_as(sees, "/introspect", &[("token", &access)]).await.active();
        server.post_as(sees_not, "/introspect", &[("token", &access)]).await.inactive();
        for nobody in [sees, sees_not] {
            server.post_as(nobody, "/introspect", &[("token", &refresh)]).await.inactive();
        }
    }
    let both = server.login_asking(&[("resource", OTHER), ("resource", API)]).await;
    assert_eq!(both.claims()["aud"], json!([OTHER, API]));
    for unknown in ["https://elsewhere.example.com", "x"] {
        let form = [("resource", API), ("resource", unknown)];
        server.login_asking(&form).await.refused(400, "invalid_target");
    }
}

async fn openid_makes_userinfo_one_of_the_resources(engine: Engine) {
    let server = two_resources(engine).await;
    let answer = server.login_asking(&[("scope", "openid")]).await;
    assert_eq!(answer.claims()["aud"], json!([API, OTHER, ISSUER]));
    server.get_with("/userinfo", &answer.access_token()).await.ok();
    let certain = server.login_asking(&[("scope", "openid"), ("resource", API)]).await;
    assert_eq!(certain.claims()["aud"], API);
    server.get_with("/userinfo", &certain.access_token()).await.refused(401, "invalid_token");
    server.change_client(P1, |client| client.audience = vec![ISSUER.to_owned()]).await;
    let once = server.login_asking(&[("scope", "openid")]).await;
    assert_eq!(once.claims()["aud"], ISSUER);
}

async fn a_refresh_may_narrow_one_access_token(engine: Engine) {
    let server = two_resources(engine).await;
    let token = server.login().await.refresh_token();
    let (token, audience) = refresh_for(&server, &token, &[OTHER]).await;
    assert_eq!(audience, OTHER);
    let (token, audience) = refresh_for(&server, &token, &[ISSUER, API]).await;
    assert_eq!(audience, json!([ISSUER, API]));
    let (_, audience) = refresh_for(&server, &token, &[]).await;
    assert_eq!(audience, json!([API, OTHER, ISSUER]));
}

async fn a_refresh_never_widens_and_a_refused_one_uses_nothing_up(engine: Engine) {
    let server = two_resources(engine).await;
    let token = server.login_asking(&[("resource", API)]).await.refresh_token();
    for wider in [OTHER, ISSUER, "https://elsewhere.example.com", "https://api.example.com/"] {
        for path in ["/refresh", "/token"] {
            let form = [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", &token)];
            let form = [&form[..], &[("resource", API), ("resource", wider)]].concat();
            server.post(path, &form).await.refused(400, "invalid_target");
        }
    }
    let answer = server.refresh(&token).await;
    assert_eq!((answer.header("refresh-verdict"), &answer.claims()["aud"]), ("rotate", &json!(API)));
}

/// As with scope: what rests on a right that the client has lost has ended.
async fn a_resource_that_the_client_lost_ends_the_sessions_that_have_it(engine: Engine) {
    let server = two_resources(engine).await;
    let (both, lost) = (server.login().await, server.login_asking(&[("resource", OTHER)]).await);
    let kept = server.login_asking(&[("resource", API)]).await;
    let kept_for_us = server.login_asking(&[("scope", "openid"), ("resource", API)]).await;
    server.change_client(P1, |client| client.audience = vec![API.to_owned()]).await;
    for answer in [&both, &lost] {
        server.post_as(RS2, "/introspect", &[("token", &answer.access_token())]).await.inactive();
        server.assert_dead(&answer.access_token(), &[&answer.refresh_token()]).await;
    }
    for answer in [&kept, &kept_for_us] {
        server.introspect(&answer.access_token()).await.active();
        assert_eq!(server.refresh(&answer.refresh_token()).await.claims()["aud"], API);
    }
}

/// The issuer isn't lost: it is there for the sake of `/userinfo`, whatever else the client's tokens are for.
async fn a_new_resource_ends_nothing_and_neither_does_the_default_that_stays(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with(&format!("audience = ['{API}', '{OTHER}']"))).await;
    server.change_client(P1, |client| client.audience.clear()).await;
    let answer = server.login().await;
    let others = server.login_asking(&[("resource", OTHER)]).await;
    server.change_client(P1, |client| client.audience = vec![OTHER.to_owned(), API.to_owned(), "new".to_owned()]).await;
    server.change_client(P1, |client| client.audience.clear()).await;
    server.introspect(&answer.access_token()).await.active();
    server.get_with("/userinfo", &answer.access_token()).await.ok();
    server.change_client(P1, |client| client.audience = vec![OTHER.to_owned()]).await;
    server.assert_dead(&answer.access_token(), &[&answer.refresh_token()]).await;
    server.post_as(RS2, "/introspect", &[("token", &others.access_token())]).await.active();
}

async fn a_resource_that_the_client_lost_ends_its_own_tokens(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(C1.0, |client| client.audience.push(OTHER.to_owned())).await;
    let own = async |resource| server.own_token(C1, &[("resource", resource)]).await.access_token();
    let (lost, of_api) = (own(OTHER).await, own(API).await);
    server.post_as(RS2, "/introspect", &[("token", &lost)]).await.active();
    server.change_client(C1.0, |client| client.audience = vec![API.to_owned()]).await;
    server.post_as(RS2, "/introspect", &[("token", &lost)]).await.inactive();
    server.introspect(&of_api).await.inactive();
    server.introspect(&own(API).await).await.active();
    // A node that hadn't heard of it yet has issued one since.
    let forge = Forge::of(&server).await;
    let late = forge.with_claims(&own(API).await, |claims| claims["aud"] = json!([API, OTHER]));
    server.introspect(&late).await.inactive();
    let for_us = server.own_token(C1, &[]).await;
    assert_eq!(for_us.claims()["aud"], json!([API, ISSUER]));
    server.introspect(&for_us.access_token()).await.active();
}

async fn the_password_grant_takes_resources_as_well(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(C1.0, |client| client.audience.push(OTHER.to_owned())).await;
    let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("resource", OTHER)];
    assert_eq!(server.post_as(C1, "/token", &form).await.claims()["aud"], OTHER);
    let form = [&form[..], &[("resource", "https://elsewhere.example.com")]].concat();
    server.post_as(C1, "/token", &form).await.refused(400, "invalid_target");
}

on_both_databases!(
    a_sign_in_is_for_what_it_asks_for,
    openid_makes_userinfo_one_of_the_resources,
    a_refresh_may_narrow_one_access_token,
    a_refresh_never_widens_and_a_refused_one_uses_nothing_up,
    a_resource_that_the_client_lost_ends_the_sessions_that_have_it,
    a_new_resource_ends_nothing_and_neither_does_the_default_that_stays,
    a_resource_that_the_client_lost_ends_its_own_tokens,
    the_password_grant_takes_resources_as_well,
);
