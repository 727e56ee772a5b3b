//! What is out of reach of guessing is refused when it comes too often; what is right always passes.

use super::server;
use crate::harness::{Answer, C1, C2, Engine, RS1, RS2, TestServer, on_both_databases};

/// A thousand wrong secrets, on every endpoint where there is one. Neither the client nor any other is locked out.
async fn wrong_client_secrets_come_to_an_end(engine: Engine) {
    let server = server(engine, "").await;
    let wrong = |n: usize| {
        let (server, secret) = (&server, format!("wrong-{n}-0123456789abcdefghijklmnopqrstuvwxyz"));
        async move {
            let path = ["/token", "/introspect", "/revoke", "/login", "/refresh"][n % 5];
            let form = [("grant_type", "client_credentials"), ("token", "x"), ("refresh_token", "x")];
            let form = [&form[..], &[("username", "alice"), ("password", "x")]].concat();
            server.post_as(("c1", &secret), path, &form).await
        }
    };
    for n in 0..60 {
        wrong(n).await.refused(401, "invalid_client");
    }
    for n in 60..1_000 {
        wrong(n).await.throttled();
    }
    // An unknown client is answered the same: nothing tells which there are.
    let unknown = server.post_as(("c9", "s9-0123456789abcdefghijklmnopqrstuvwxyz"), "/token", &[]).await;
    assert_eq!(unknown.status, 400, "the request is looked at first: {unknown:?}");
    server.own_token(("c9", "s9-0123456789abcdefghijklmnopqrstuvwxyz"), &[]).await.throttled();
    server.own_token(C1, &[]).await.ok();
    server.own_token(C2, &[]).await.ok();
    server.clock.advance(60);
    wrong(0).await.refused(401, "invalid_client");
}

async fn forged_refresh_tokens_come_to_an_end(engine: Engine) {
    let server = server(engine, "").await;
    let tokens = server.login().await;
    let mut forged = tokens.refresh_token().into_bytes();
    forged[30] ^= 1;
    let forged = String::from_utf8(forged).unwrap();
    for n in 0..60 {
        let text = if n % 2 == 0 { forged.clone() } else { format!("garbage{n}") };
        server.refresh(&text).await.refused(401, "invalid_grant");
    }
    server.refresh(&forged).await.throttled();
    server.refresh("garbage").await.throttled();
    server.exchange_as(C1, "garbage").await.throttled();
    // An honest client behind the same address goes on, and a token that has died is told so.
    let next = server.refresh(&tokens.refresh_token()).await.refresh_token();
    server.clock.advance(1);
    server
        .operator()
        .sessions()
        .revoke_of_user(server.alice, tokend::domain::RevokedReason::Admin, server.clock.now())
        .await
        .unwrap();
    server.refresh(&next).await.refused(401, "invalid_grant");
}

/// Scanning. A resource server that is shown garbage still learns what has become of tokens that were real.
async fn a_client_that_scans_is_told_so(engine: Engine) {
    let server = server(engine, "").await;
    let expired = server.login().await.access_token();
    server.clock.advance(900);
    let (living, dead) = (server.login().await, server.login().await);
    server.post("/logout", &[("refresh_token", &dead.refresh_token())]).await;
    let garbage = |n: usize| match n % 4 {
        0 => format!("garbage{n}"),
        1 => format!("{}x", living.access_token()),
        2 => format!("{}x", living.refresh_token()),
        _ => "eyJhbGciOiJub25lIn0.e30.".to_owned(),
    };
    let mut answers: Vec<Answer> = Vec::new();
    for n in 0..1_000 {
        answers.push(server.post_as(RS1, "/introspect", &[("token", &garbage(n))]).await);
    }
    for answer in &answers[..300] {
        answer.inactive();
    }
    for answer in &answers[300..] {
        answer.throttled();
    }
    everything_real_is_answered(&server, &living, &dead).await;
    server.introspect(&expired).await.inactive();
    server.introspect("garbage").await.throttled();
    // Another client has its own counter.
    server.post_as(RS2, "/introspect", &[("token", "garbage")]).await.inactive();
    server.clock.advance(60);
    server.introspect("garbage").await.inactive();
}

async fn everything_real_is_answered(server: &TestServer, living: &Answer, dead: &Answer) {
    server.introspect(&living.access_token()).await.active();
    server.introspect(&living.refresh_token()).await.active();
    server.introspect(&dead.access_token()).await.inactive();
    server.introspect(&dead.refresh_token()).await.inactive();
    server.post_as(RS1, "/introspect", &[("token", "garbage")]).await.throttled();
}

on_both_databases!(
    wrong_client_secrets_come_to_an_end,
    forged_refresh_tokens_come_to_an_end,
    a_client_that_scans_is_told_so,
);
