//! `POST /refresh`, and what a refresh token is worth.

use crate::harness::{Engine, STRICT, TestServer, on_both_databases};

async fn a_refresh_token_is_exchanged_for_a_new_one(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await;
    let second = server.refresh(&first.refresh_token()).await;
    assert_ne!(second.refresh_token(), first.refresh_token());
    assert_eq!(second.header("refresh-verdict"), "rotate");
    server.introspect(&second.access_token()).await.active();
}

async fn a_retry_within_the_window_gets_the_same_successor(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.login().await.refresh_token();
    let second = server.refresh(&first).await;
    server.clock.advance(9);
    let retry = server.refresh(&first).await;
    assert_eq!(retry.header("refresh-verdict"), "replay");
    assert_eq!(retry.refresh_token(), second.refresh_token());
    assert_ne!(retry.access_token(), second.access_token());
}

async fn an_old_token_ends_the_session(engine: Engine) {
    let server = TestServer::start(engine).await;
    let zero = server.login().await.refresh_token();
    let one = server.refresh(&zero).await.refresh_token();
    let two = server.refresh(&one).await;
    server.clock.advance(20);
    server.refresh(&zero).await.refused(401, "invalid_grant");
    server.assert_dead(&two.access_token(), &[&zero, &one, &two.refresh_token()]).await;
}

async fn a_strict_client_may_use_each_token_once(engine: Engine) {
    let server = TestServer::start(engine).await;
    let zero = server.login_on(STRICT).await.refresh_token();
    let one = server.refresh(&zero).await;
    server.refresh(&zero).await.refused(401, "invalid_grant");
    server.assert_dead(&one.access_token(), &[&one.refresh_token()]).await;
}

on_both_databases!(
    a_refresh_token_is_exchanged_for_a_new_one,
    a_retry_within_the_window_gets_the_same_successor,
    an_old_token_ends_the_session,
    a_strict_client_may_use_each_token_once,
);
