//! `POST /login`.

use crate::harness::{Engine, PASSWORD, TestServer, on_both_databases};

async fn the_right_password_gives_tokens(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.login().await;
    answer.ok();
    let json = answer.json();
    assert_eq!((json["token_type"].as_str(), json["expires_in"].as_i64()), (Some("Bearer"), Some(900)));
    assert_eq!(json["scope"], "email openid profile read write");
    assert!(answer.refresh_token().starts_with("tkr_"));
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    server.get_with("/userinfo", &answer.access_token()).await.ok();
}

async fn unknown_wrong_and_disabled_are_one_answer(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.app.store.disable_user(server.bob, server.clock.now()).await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in [("nobody", PASSWORD), ("alice", "wrong password"), ("bob", crate::harness::BOBS_PASSWORD)]
    {
        let answer = server.post("/login", &[("username", name), ("password", password)]).await;
        answer.refused(401, "invalid_grant");
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

on_both_databases!(the_right_password_gives_tokens, unknown_wrong_and_disabled_are_one_answer);
