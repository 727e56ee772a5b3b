//! Access tokens whose `typ` is `JWT`, for resource servers that refuse any other: a choice of their client, and of it alone.

use serde_json::{Value, json};
use tokend::domain::TokenTyp;

use crate::harness::{ADMIN, C1, C2, Engine, Forge, P1, TestServer, on_both_databases};

async fn choose(server: &TestServer, client: &str, typ: TokenTyp) {
    server.change_client(client, |client| client.token_typ = typ).await;
}

async fn the_typ_of_a_token_is_its_clients_choice(engine: Engine) {
    let server = TestServer::start(engine).await;
    let before = server.login().await;
    assert_eq!(before.jwt_header()["typ"], "at+jwt");
    choose(&server, P1, TokenTyp::Jwt).await;
    choose(&server, C1.0, TokenTyp::Jwt).await;
    let (signed_in, own) = (server.login().await, server.own_token(C1, &[]).await);
    let refreshed = server.refresh(&signed_in.refresh_token()).await;
    for answer in [&signed_in, &own, &refreshed] {
        assert_eq!(answer.jwt_header()["typ"], "JWT");
        server.introspect(&answer.access_token()).await.active();
    }
    server.get_with("/userinfo", &signed_in.access_token()).await.ok();
    server.get_with("/userinfo", &before.access_token()).await.ok();
    assert_eq!(server.own_token(C2, &[]).await.jwt_header()["typ"], "at+jwt");
    let logout = server.request(reqwest::Method::POST, "/logout").bearer_auth(refreshed.access_token());
    server.send(logout).await.no_content();
    server.introspect(&signed_in.access_token()).await.inactive();
}

/// What we sign and call a JWT is an access token of such a client, or nothing.
async fn no_other_jwt_passes_for_an_access_token(engine: Engine) {
    let server = TestServer::start(engine).await;
    let forge = Forge::of(&server).await;
    let refused = async |token: &str| {
        server.introspect(token).await.inactive();
        server.get_with("/userinfo", token).await.refused(401, "invalid_token");
    };
    let typ = |token: &str, typ: Value| forge.with_header(token, |header| header["typ"] = typ);
    let token = server.login().await.access_token();
    refused(&typ(&token, json!("JWT"))).await;
    choose(&server, P1, TokenTyp::Jwt).await;
    let others = server.login_as(C1).await.access_token();
    refused(&typ(&others, json!("JWT"))).await;
    for other in
        [json!("jwt"), json!("Jwt"), json!("JWT "), json!("logout+jwt"), json!(""), json!(null), json!(["JWT"])]
    {
        refused(&typ(&token, other)).await;
    }
    let without = forge.with_header(&token, |header| drop(header.as_object_mut().unwrap().remove("typ")));
    refused(&without).await;
    // An ID token has no client_id and no jti; one with all of them has claims of its own.
    let jwt = |change: &dyn Fn(&mut Value)| {
        let mut claims = crate::harness::part(&token, 1);
        change(&mut claims);
        let mut header = forge.header();
        header["typ"] = json!("JWT");
        forge.mint(&header.to_string(), &claims.to_string())
    };
    server.get_with("/userinfo", &jwt(&|_| {})).await.ok();
    for name in ["client_id", "jti", "iss", "sub", "aud", "exp", "iat"] {
        refused(&jwt(&|claims| drop(claims.as_object_mut().unwrap().remove(name)))).await;
    }
    for name in ["nonce", "azp", "at_hash", "acr", "amr", "typ", "events", "cnf", "act"] {
        let with = jwt(&|claims| claims[name] = json!("x"));
        if name == "events" {
            server.get_with("/userinfo", &with).await.ok();
        } else {
            refused(&with).await;
        }
    }
    let id_token = json!({ "iss": "https://auth.example.com", "sub": server.alice.to_string(), "aud": P1, "nonce": "n",
                           "exp": server.clock.now() + 900, "iat": server.clock.now() });
    let header = json!({ "typ": "JWT", "alg": "ES256", "kid": forge.key.kid() });
    refused(&forge.mint(&header.to_string(), &id_token.to_string())).await;
}

async fn a_client_that_is_changed_back_has_no_such_tokens(engine: Engine) {
    let server = TestServer::start(engine).await;
    choose(&server, P1, TokenTyp::Jwt).await;
    let signed_in = server.login().await;
    server.introspect(&signed_in.access_token()).await.active();
    choose(&server, P1, TokenTyp::AccessToken).await;
    server.introspect(&signed_in.access_token()).await.inactive();
    server.get_with("/userinfo", &signed_in.access_token()).await.refused(401, "invalid_token");
    let refreshed = server.refresh(&signed_in.refresh_token()).await;
    assert_eq!(refreshed.jwt_header()["typ"], "at+jwt");
    server.get_with("/userinfo", &refreshed.access_token()).await.ok();
    // A client's own tokens rest on the registration alone, and end with it for good.
    choose(&server, C1.0, TokenTyp::Jwt).await;
    server.clock.advance(1);
    let own = server.own_token(C1, &[]).await.access_token();
    server.introspect(&own).await.active();
    choose(&server, C1.0, TokenTyp::AccessToken).await;
    server.introspect(&own).await.inactive();
    let next = server.own_token(C1, &[]).await.access_token();
    choose(&server, C1.0, TokenTyp::Jwt).await;
    server.introspect(&own).await.inactive();
    server.introspect(&next).await.active();
}

async fn such_a_token_is_revoked_like_any_other(engine: Engine) {
    let server = TestServer::start(engine).await;
    choose(&server, C1.0, TokenTyp::Jwt).await;
    let own = [server.own_token(C1, &[]).await.access_token(), server.own_token(C1, &[]).await.access_token()];
    let sessions = server.login_as(C1).await;
    server.post_as(C1, "/revoke", &[("token", &own[0])]).await.ok();
    server.introspect(&own[0]).await.inactive();
    server.post_as(C2, "/revoke", &[("token", &own[1])]).await.ok();
    server.introspect(&own[1]).await.active();
    server.post_as(C1, "/revoke", &[("token", &sessions.access_token())]).await.ok();
    server.introspect(&sessions.access_token()).await.inactive();
    server.post_as(ADMIN, "/revoke", &[("of_client", C1.0)]).await.ok();
    server.introspect(&own[1]).await.inactive();
}

on_both_databases!(
    the_typ_of_a_token_is_its_clients_choice,
    no_other_jwt_passes_for_an_access_token,
    a_client_that_is_changed_back_has_no_such_tokens,
    such_a_token_is_revoked_like_any_other,
);
