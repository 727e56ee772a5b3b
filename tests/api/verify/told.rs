//! What is told of a token, and which tokens are good.

use crate::harness::{
    API, Answer, C1, Engine, PASSWORD, RS1, START, Settings, TestServer, add_user, on_both_databases,
};
use crate::verify::assert_challenged;

const INVALID: &str = r#"Bearer realm="tokend", error="invalid_token""#;

/// The fields about the token, in the order of their names.
fn told(answer: &Answer) -> Vec<(String, String)> {
    let fields = answer.no_content().headers.iter().filter(|(name, _)| name.as_str().starts_with("x-auth-"));
    let mut fields: Vec<_> =
        fields.map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned())).collect();
    fields.sort();
    fields
}

fn fields(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn a_users_token_is_told_with_its_user_and_its_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.clock.advance(7);
    let login = server.login().await;
    let session = login.claims()["sid"].as_str().expect("a session").to_owned();
    let answer = server.verify_for_api(&login.access_token()).await;
    let expected = [
        ("x-auth-client", "app"),
        ("x-auth-expires", &(START + 7 + 900).to_string()),
        ("x-auth-scope", "openid profile email read write"),
        ("x-auth-session", &session),
        ("x-auth-subject", &server.alice.to_string()),
        ("x-auth-username", "alice"),
    ];
    assert_eq!(told(&answer), fields(&expected));
    assert_eq!(answer.header("cache-control"), "no-store");
    for absent in ["set-cookie", "etag", "content-length", "access-control-allow-origin", "vary"] {
        assert!(!answer.headers.contains_key(absent), "{answer:?}");
    }
}

async fn a_clients_own_token_has_neither(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.own_token(C1, &[("scope", "write")]).await.access_token();
    let expected = [
        ("x-auth-client", "c1"),
        ("x-auth-expires", &(START + 900).to_string()),
        ("x-auth-scope", "write"),
        ("x-auth-subject", "c1"),
    ];
    assert_eq!(told(&server.verify_for_api(&token).await), fields(&expected));
    server.change_client(C1.0, |client| client.scope = "".parse().unwrap()).await;
    let token = server.own_token(C1, &[]).await.access_token();
    assert_eq!(server.verify_for_api(&token).await.no_content().header("x-auth-scope"), "");
}

async fn a_name_that_is_not_ascii_is_percent_encoded(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (name, field) in [
        ("\u{e9}va", "%C3%A9va"),
        ("100%", "100%25"),
        ("o'neil+\"x\\@example.com", "o'neil+\"x\\@example.com"),
        ("\u{674e}\u{5c0f}\u{9f8d}", "%E6%9D%8E%E5%B0%8F%E9%BE%8D"),
        (&"\u{e9}".repeat(128), &"%C3%A9".repeat(128)),
    ] {
        add_user(&server.app.store, &server.app.hasher, name, PASSWORD).await;
        let login = server.post("/login", &[("username", name), ("password", PASSWORD)]).await;
        assert_eq!(server.verify_for_api(&login.access_token()).await.no_content().header("x-auth-username"), field);
    }
}

async fn what_is_no_living_access_token_is_401(engine: Engine) {
    let server = TestServer::start(engine).await;
    let login = server.login().await;
    let access = login.access_token();
    let (head, signature) = access.rsplit_once('.').unwrap();
    let of_another = server.bobs_login().await.access_token();
    let forged = format!("{head}.{}", of_another.rsplit_once('.').unwrap().1);
    for bad in [&login.refresh_token(), "nonsense", &format!("{head}."), &forged, signature, &"a".repeat(9_000)] {
        assert_challenged(&server.verify_for_api(bad).await, 401, "invalid_token", INVALID);
    }
    server.clock.advance(899);
    server.verify_for_api(&access).await.no_content();
    server.clock.advance(1);
    assert_challenged(&server.verify_for_api(&access).await, 401, "invalid_token", INVALID);
}

/// As introspection does: no answer is kept, on any node.
async fn what_has_ended_is_401_on_every_node_at_once(engine: Engine) {
    let server = TestServer::start(engine).await;
    let other = server.another_node().await;
    let elsewhere = server.at(&other);
    let (session, own) = (server.login().await, server.own_token(C1, &[]).await.access_token());
    let access = session.access_token();
    for node in [&server, &elsewhere] {
        node.verify_for_api(&access).await.no_content();
        node.verify_for_api(&own).await.no_content();
    }
    server.post("/logout", &[("refresh_token", &session.refresh_token())]).await.no_content();
    server.post_as(C1, "/revoke", &[("token", &own)]).await.ok();
    for token in [&access, &own] {
        for node in [&server, &elsewhere] {
            assert_challenged(&node.verify_for_api(token).await, 401, "invalid_token", INVALID);
        }
    }
    let bobs = server.bobs_login().await.access_token();
    elsewhere.verify_for_api(&bobs).await.no_content();
    assert!(server.operator().users().remove(server.bob).await.unwrap());
    assert_challenged(&elsewhere.verify_for_api(&bobs).await, 401, "invalid_token", INVALID);
    let removed = server.login_as(C1).await.access_token();
    server.remove_client(C1.0).await;
    assert_challenged(&server.verify_for_api(&removed).await, 401, "invalid_token", INVALID);
}

/// Its own endpoints take no token that is for others only. This one answers on behalf of those others.
async fn a_token_that_is_not_for_this_server_is_good_too(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login_asking(&[("resource", API)]).await.access_token();
    server.get_with("/userinfo", &token).await.refused(401, "invalid_token");
    server.verify_for_api(&token).await.no_content();
}

async fn without_its_database_it_answers_503(engine: Engine) {
    let settings = Settings::with("[http]\nrequest_timeout = '5s'");
    let server = TestServer::start_with(engine, settings).await;
    let tokens = [server.login().await.access_token(), server.own_token(RS1, &[]).await.access_token()];
    server.app.store.close().await;
    for token in tokens {
        let answer = server.verify("audience=*", &token).await;
        assert_eq!(answer.refused(503, "temporarily_unavailable").header("retry-after"), "1");
        crate::verify::assert_tells_nothing(&answer);
    }
}

on_both_databases!(
    a_users_token_is_told_with_its_user_and_its_session,
    a_clients_own_token_has_neither,
    a_name_that_is_not_ascii_is_percent_encoded,
    what_is_no_living_access_token_is_401,
    what_has_ended_is_401_on_every_node_at_once,
    a_token_that_is_not_for_this_server_is_good_too,
    without_its_database_it_answers_503,
);
