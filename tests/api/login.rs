//! `POST /login`.

use reqwest::Method;
use serde_json::json;
use tokend::domain::{Device, Grant, Grants, User, UserId};
use tokend::store::sessions::SessionFilter;

use crate::harness::{
    Answer, BOBS_PASSWORD, C1, Engine, P1, PASSWORD, RS1, START, STRICT, TestServer, on_both_databases,
};

const JSON: &str = "application/json";

async fn the_right_password_gives_tokens(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    answer.ok();
    let json = answer.json();
    assert_eq!((json["token_type"].as_str(), json["expires_in"].as_i64()), (Some("Bearer"), Some(900)));
    assert_eq!(json["scope"], "openid profile email read write");
    assert!(answer.refresh_token().starts_with("tkr_"));
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert_eq!((answer.header("refresh-verdict"), answer.header("set-cookie")), ("", ""));
    server.get_with("/userinfo", &answer.access_token()).await.ok();
}

async fn unknown_wrong_disabled_and_passwordless_are_one_answer(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.operator().users().disable(server.bob, server.clock.now()).await.unwrap();
    let users = server.app.store.users().list("", 1).await.unwrap();
    let carol = User { id: UserId::generate(), username: "carol".parse().unwrap(), ..users[0].clone() };
    server.operator().users().insert(&carol, None).await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in [
        ("nobody", PASSWORD),
        ("alice", "wrong password"),
        ("bob", BOBS_PASSWORD),
        ("carol", PASSWORD),
        ("no user name", PASSWORD),
        ("alice", "x"),
    ] {
        let answer = server.post("/login", &[("username", name), ("password", password)]).await;
        answers.push(seen(answer.refused(401, "invalid_grant")));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

async fn a_session_says_how_it_began(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.login().await.ok();
    let how = "SELECT grant_type || ':' || amr FROM sessions";
    assert_eq!(server.database.ask_texts(how).await, ["password:pwd"]);
    let session = &server.app.store.sessions().list(&SessionFilter::default(), START, 1).await.unwrap()[0];
    let read = server.app.store.sessions().find(session.id).await.unwrap().unwrap().session;
    for session in [session, &read] {
        assert_eq!((session.grant_type.as_str(), session.amr.as_slice()), ("password", ["pwd".to_owned()].as_slice()));
    }
}

/// All of an answer but what is different each time.
fn seen(answer: &Answer) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    headers.remove("x-request-id");
    format!("{headers:?} {}", answer.text)
}

async fn json_and_form_are_the_same(engine: Engine) {
    let server = TestServer::start(engine).await;
    let body = json!({
        "username": "alice", "password": PASSWORD, "client_id": P1, "scope": "read openid", "cookie": false,
        "device_name": null, "resource": ["https://api.example.com"],
    });
    for content_type in [JSON, "application/json; charset=utf-8", "Application/JSON"] {
        let answer = server.post_text("/login", content_type, body.to_string()).await;
        assert_eq!(answer.ok().text_at("scope"), "read openid");
        assert_eq!(answer.claims()["aud"], "https://api.example.com");
        server.refresh(&answer.refresh_token()).await.ok();
    }
}

async fn the_answer_is_json_whatever_is_accepted(engine: Engine) {
    let server = TestServer::start(engine).await;
    for accept in ["text/html", "application/xml;q=1, */*;q=0", "image/*"] {
        let request = server.request(Method::POST, "/login").header("accept", accept);
        let right = server.send(request.form(&[("username", "alice"), ("password", PASSWORD)])).await;
        assert_eq!(right.ok().header("content-type"), JSON);
        let wrong = server.request(Method::POST, "/login").header("accept", accept);
        server.send(wrong.form(&[("username", "alice")])).await.refused(400, "invalid_request");
    }
}

async fn what_is_missing_or_malformed_is_invalid_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let right = [("username", "alice"), ("password", PASSWORD)];
    for form in [
        vec![],
        vec![right[0]],
        vec![right[1]],
        vec![right[0], ("password", "")],
        vec![right[0], right[1], ("cookie", "yes")],
        vec![right[0], right[1], ("device_name", "a\tb")],
        vec![right[0], right[1], ("device_name", &"n".repeat(129))],
        vec![right[0], ("password", &"p".repeat(1025))],
    ] {
        server.post("/login", &form).await.refused(400, "invalid_request");
    }
    for body in ["[]", "{}", r#"{"username":1,"password":"x"}"#, r#"{"username":"alice","password":["x"]}"#] {
        server.post_text("/login", JSON, body).await.refused(400, "invalid_request");
    }
    let query = format!("/login?username=alice&password={PASSWORD}");
    server.post(&query, &[]).await.refused(400, "invalid_request");
}

async fn a_name_is_one_name_however_it_is_spelt(engine: Engine) {
    let server = TestServer::start(engine).await;
    for name in ["alice", "Alice", "ALICE", "\u{ff21}\u{ff2c}\u{ff29}\u{ff23}\u{ff25}"] {
        let answer = server.post("/login", &[("username", name), ("password", PASSWORD)]).await;
        assert_eq!(answer.claims()["sub"], server.alice.to_string(), "{name}");
    }
    let shouted = server.post("/login", &[("username", "alice"), ("password", &PASSWORD.to_uppercase())]).await;
    shouted.refused(401, "invalid_grant");
}

async fn the_client_is_the_configured_one_unless_another_is_named(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    assert_eq!(server.post("/login", &form).await.claims()["client_id"], P1);
    assert_eq!(server.login_on(STRICT).await.claims()["client_id"], STRICT);
    server.login_on("unknown").await.refused(401, "invalid_client");
    server.login_on(C1.0).await.refused(401, "invalid_client");
    assert_eq!(server.post_as(C1, "/login", &form).await.claims()["client_id"], C1.0);
    server.post_as(RS1, "/login", &form).await.refused(400, "unauthorized_client");
    server.remove_client(P1).await;
    server.post("/login", &form).await.refused(401, "invalid_client");
}

async fn without_the_refresh_grant_there_is_no_refresh_token_and_the_session_ends_with_its_access_token(
    engine: Engine,
) {
    let server = TestServer::start(engine).await;
    server.change_client(P1, |client| client.grants = Grants::from([Grant::Password])).await;
    let answer = server.login_asking(&[("cookie", "true")]).await;
    assert_eq!((answer.ok().json().get("refresh_token"), answer.refresh_cookie()), (None, ""));
    server.introspect(&answer.access_token()).await.active();
    let session = server.session_of(&answer.access_token()).await;
    let found = server.app.store.sessions().find(session).await.unwrap().unwrap();
    assert_eq!(found.session.expires_at, START + 900);
}

async fn a_session_remembers_the_device_of_its_sign_in(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("username", "alice"), ("password", PASSWORD), ("device_name", "Alice\u{2019}s phone")];
    let request = server.request(Method::POST, "/login").header("user-agent", "u".repeat(300)).form(&form);
    server.send(request.header("x-forwarded-for", "198.51.100.7")).await.ok();
    let sessions = server.app.store.sessions().list(&SessionFilter::default(), START, 10).await.unwrap();
    let device = Device {
        name: Some("Alice\u{2019}s phone".to_owned()),
        user_agent: Some("u".repeat(256)),
        ip: Some("127.0.0.1".to_owned()),
    };
    assert_eq!(sessions.iter().map(|session| &session.device).collect::<Vec<_>>(), [&device]);
}

on_both_databases!(
    the_right_password_gives_tokens,
    a_session_says_how_it_began,
    unknown_wrong_disabled_and_passwordless_are_one_answer,
    json_and_form_are_the_same,
    the_answer_is_json_whatever_is_accepted,
    what_is_missing_or_malformed_is_invalid_request,
    a_name_is_one_name_however_it_is_spelt,
    the_client_is_the_configured_one_unless_another_is_named,
    without_the_refresh_grant_there_is_no_refresh_token_and_the_session_ends_with_its_access_token,
    a_session_remembers_the_device_of_its_sign_in,
);
