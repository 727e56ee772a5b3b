//! RFC 9700: best current practice for security.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokend::domain::{Client, ClientAuthentication, Grant, Grants};
use tokend::password::PlainPassword;

use crate::harness::{API, C1, Engine, P1, PASSWORD, RS2, START, STRICT, TestServer, confidential, on_both_databases};

/// RFC 9700 §2.2.2: refresh tokens of public clients MUST be sender-constrained or rotate. They rotate unless configured otherwise.
async fn r2_2_2_a_refresh_tokens_of_a_public_client_rotate(engine: Engine) {
    let server = TestServer::start(engine).await;
    let rights = Client::without_rights("new".parse().unwrap(), ClientAuthentication::Public, START);
    let grants = Grants::from([Grant::Password, Grant::RefreshToken]);
    server.add_client(Client { grants, first_party: true, ..rights }).await;
    let first = server.login_on("new").await.refresh_token();
    let second = server.refresh(&first).await;
    assert_ne!(second.refresh_token(), first);
    server.clock.advance(20);
    server.refresh(&second.refresh_token()).await.ok();
    server.refresh(&first).await.refused(401, "invalid_grant");
}

/// RFC 9700 §2.3: the privileges of an access token SHOULD be the minimum that is required. A new client has no grant, no scope and no
/// other right.
async fn r2_3_a_a_client_has_no_right_that_it_was_not_given(engine: Engine) {
    let server = TestServer::start(engine).await;
    let new = ("new", C1.1);
    server.add_client(confidential(new)).await;
    server.own_token(new, &[]).await.refused(400, "unauthorized_client");
    server.login_as(new).await.refused(400, "unauthorized_client");
    server.exchange_as(new, "x").await.refused(400, "unauthorized_client");
    server.post_as(new, "/introspect", &[("token", "x")]).await.refused(403, "unauthorized_client");
    server.post_as(new, "/revoke", &[("sub", &server.alice.to_string())]).await.refused(403, "unauthorized_client");
    server.change_client("new", |client| client.grants = Grants::from([Grant::ClientCredentials])).await;
    server.own_token(new, &[("scope", "read")]).await.refused(400, "invalid_scope");
    assert_eq!(server.own_token(new, &[]).await.text_at("scope"), "");
}

/// RFC 9700 §2.3: an access token SHOULD be restricted to certain resource servers, and each of them MUST refuse a token that isn't for it.
async fn r2_3_a_an_access_token_is_worth_nothing_where_it_is_not_meant_for(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_asking(&[("resource", API)]).await;
    assert_eq!(token.claims()["aud"], API);
    server.introspect(&token.access_token()).await.active();
    server.post_as(RS2, "/introspect", &[("token", &token.access_token())]).await.inactive();
    server.get_with("/userinfo", &token.access_token()).await.refused(401, "invalid_token");
}

/// RFC 9700 §2.4: the password grant MUST NOT be used. tokend has it for first-party clients that were given it, and refuses it to all
/// others.
async fn r2_4_a_passwords_are_for_first_party_clients_with_the_grant_only(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (first_party, grants) in
        [(false, Grants::from(Grant::ALL)), (true, Grants::from([Grant::RefreshToken])), (false, Grants::new())]
    {
        let client = Client { first_party, grants, ..crate::harness::public("third") };
        server.add_client(client).await;
        server.login_on("third").await.refused(400, "unauthorized_client");
        let form = [("grant_type", "password"), ("client_id", "third"), ("username", "alice"), ("password", PASSWORD)];
        server.post("/token", &form).await.refused(400, "unauthorized_client");
        server.remove_client("third").await;
    }
}

/// RFC 9700 §4.14.2: a refresh token that is used again after its exchange is detected, and the active one is revoked.
async fn r4_14_2_a_replay_is_detected_and_the_active_token_revoked(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login_on(STRICT).await.refresh_token();
    let second = server.refresh(&first).await;
    server.refresh(&first).await.refused(401, "invalid_grant");
    server.assert_dead(&second.access_token(), &[&second.refresh_token()]).await;
}

/// RFC 9700 §4.14.2: the integrity of a refresh token that names its grant MUST be ensured.
async fn r4_14_2_the_session_inside_a_token_cannot_be_exchanged_for_another(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bytes = |token: &str| URL_SAFE_NO_PAD.decode(token.strip_prefix("tkr_").unwrap()).unwrap();
    let (alices, bobs) = (server.login().await.refresh_token(), server.bobs_login().await.refresh_token());
    let mut grafted = bytes(&alices);
    grafted[2..18].copy_from_slice(&bytes(&bobs)[2..18]);
    let grafted = format!("tkr_{}", URL_SAFE_NO_PAD.encode(grafted));
    server.refresh(&grafted).await.refused(401, "invalid_grant");
    for token in [&alices, &bobs] {
        assert_eq!(server.refresh(token).await.ok().header("refresh-verdict"), "rotate");
    }
}

/// RFC 9700 §4.14.2: a refresh token SHOULD expire if it hasn't been used for some time.
async fn r4_14_2_a_refresh_token_expires_when_it_is_not_used(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (used, unused) = (server.login().await.refresh_token(), server.login().await);
    server.clock.advance(29 * 86_400);
    let used = server.refresh(&used).await.refresh_token();
    server.clock.advance(86_400);
    server.refresh(&used).await.ok();
    server.assert_dead(&unused.access_token(), &[&unused.refresh_token()]).await;
}

/// RFC 9700 §4.14.2: the server MAY revoke refresh tokens at a sign-out and a change of the password. tokend does.
async fn r4_14_2_logout_and_a_new_password_revoke(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (left, stayed) = (server.login().await, server.login_on(STRICT).await);
    server.post("/logout", &[("refresh_token", &left.refresh_token())]).await.no_content();
    server.assert_dead(&left.access_token(), &[&left.refresh_token()]).await;
    server.introspect(&stayed.access_token()).await.active();

    let hash = server.app.hasher.hash(PlainPassword::chosen("quite another password").unwrap()).await.unwrap();
    server.operator().users().set_password(server.alice, hash.as_str(), server.clock.now()).await.unwrap().unwrap();
    server.assert_dead(&stayed.access_token(), &[&stayed.refresh_token()]).await;
    server.login().await.refused(401, "invalid_grant");
    let form = [("username", "alice"), ("password", "quite another password"), ("client_id", P1)];
    server.post("/login", &form).await.ok();
}

on_both_databases!(
    r2_2_2_a_refresh_tokens_of_a_public_client_rotate,
    r2_3_a_a_client_has_no_right_that_it_was_not_given,
    r2_3_a_an_access_token_is_worth_nothing_where_it_is_not_meant_for,
    r2_4_a_passwords_are_for_first_party_clients_with_the_grant_only,
    r4_14_2_a_replay_is_detected_and_the_active_token_revoked,
    r4_14_2_the_session_inside_a_token_cannot_be_exchanged_for_another,
    r4_14_2_a_refresh_token_expires_when_it_is_not_used,
    r4_14_2_logout_and_a_new_password_revoke,
);
