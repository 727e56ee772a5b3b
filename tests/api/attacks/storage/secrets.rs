//! 141, and 69, 99, 102 of other chapters: what is secret is in no log, no error and no debugging output, wherever
//! somebody put it.

use reqwest::Method;
use tokend::domain::{Client, ClientAuthentication, PlainSecret};

use crate::harness::{
    ADMIN, BOBS_PASSWORD, C1, C2, Engine, Logs, MASTER_SECRET, P1, PASSWORD, RS1, START, TestServer, master_secrets,
    on_both_databases,
};

/// A password that is typed where a name belongs, and others that are in the wrong place.
const MISPLACED: [&str; 6] = ["canary-one", "canary-two", "canary-three", "canary-four", "canary-five", "canary-six"];

/// Everything that has or takes a secret, once, with all of them in places where they don't belong too.
async fn use_every_secret(server: &TestServer) -> Vec<String> {
    let [one, two, three, four, five, six] = MISPLACED;
    let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
    let mut secrets =
        vec![public.access.clone(), public.refresh.clone(), confidential.access.clone(), confidential.refresh.clone()];
    let next = server.refresh(&public.refresh).await;
    secrets.extend([next.access_token(), next.refresh_token()]);
    server.post("/login", &[("username", one), ("password", two)]).await.refused(401, "invalid_grant");
    server.post_as(C1, "/token", &[("grant_type", "password"), ("username", one), ("password", two)]).await;
    let json = serde_json::json!({ "username": one, "password": two }).to_string();
    server.post_text("/login", "application/json", json).await.refused(401, "invalid_grant");
    server
        .post_text("/login", "application/json", format!("{{\"password\": {three}}}"))
        .await
        .refused(400, "invalid_request");
    server.post_text("/login", "text/plain", three).await.refused(400, "invalid_request");
    server.post("/login", &[(three, "x"), (three, "y")]).await.refused(400, "invalid_request");
    server
        .post("/token", &[("grant_type", four), ("client_id", four), ("client_secret", four)])
        .await
        .refused(401, "invalid_client");
    server
        .post_as((four, five), "/token", &[("grant_type", "client_credentials")])
        .await
        .refused(401, "invalid_client");
    for token in [&public.access, &public.refresh, &five.to_owned()] {
        server.introspect(token).await;
        server.post_as(RS1, &format!("/introspect?token={token}"), &[]).await.refused(400, "invalid_request");
        server.get(&format!("/userinfo?access_token={token}")).await.refused(400, "invalid_request");
        server.get(&format!("/{token}")).await.refused(404, "invalid_request");
        server.get_with("/userinfo", token).await;
        server.post("/refresh", &[("refresh_token", token)]).await;
        server.post("/revoke", &[("client_id", P1), ("token", &format!("{token}x"))]).await.ok();
        let cookie = server.request(Method::POST, "/refresh").header("origin", "https://app.example.com");
        server.send(cookie.header("cookie", format!("__Host-tokend-refresh={token}"))).await;
        let header = server.request(Method::GET, "/userinfo").header("authorization", format!("{six} {token}"));
        server.send(header.header("user-agent", six).header("referer", six).header("x-request-id", six)).await;
    }
    server.get(&format!("/login?username=alice&password={six}")).await.refused(405, "invalid_request");
    let method = Method::from_bytes(six.to_uppercase().as_bytes()).expect("a method");
    server.send(server.request(method, "/login")).await.refused(405, "invalid_request");
    // Proven reuse, the one refusal that is told in the log with particulars.
    server.refresh(&next.refresh_token()).await.ok();
    server.clock.advance(100);
    server.refresh(&public.refresh).await.refused(401, "invalid_grant");
    server.app.store.close().await;
    server.refresh(&confidential.refresh).await.refused(503, "temporarily_unavailable");
    server.exchange_as(C1, &confidential.refresh).await.refused(503, "temporarily_unavailable");
    server.post("/login", &[("username", one), ("password", two)]).await.refused(503, "temporarily_unavailable");
    secrets.extend([C1.1, C2.1, RS1.1, ADMIN.1, PASSWORD, BOBS_PASSWORD].map(str::to_owned));
    secrets.extend(MISPLACED.map(str::to_owned));
    secrets.push(six.to_uppercase());
    secrets.push(MASTER_SECRET.to_owned());
    secrets
}

async fn nothing_secret_is_logged(engine: Engine) {
    let logs = Logs::capture();
    let server = TestServer::start(engine).await;
    let secrets = use_every_secret(&server).await;
    let text = logs.text();
    assert!(text.lines().filter(|line| line.contains("request")).count() > 30, "requests are logged: {text}");
    for secret in &secrets {
        if let Some(line) = text.lines().find(|line| line.contains(secret.as_str())) {
            panic!("{secret} is in: {line:.2000}");
        }
        // A signature alone, or the middle of a refresh token, would do as well.
        let tail = &secret[secret.len().saturating_sub(43)..];
        assert!(tail.len() < 43 || !text.contains(tail), "a part of {secret}");
    }
    // 102: nothing that was sent begins a line of its own.
    assert!(text.lines().all(|line| line.starts_with("20") || line.starts_with(' ')), "{text:.2000}");
}

/// One thread, so that what is logged can be caught.
#[tokio::test]
async fn nothing_secret_is_logged_on_sqlite() {
    nothing_secret_is_logged(Engine::Sqlite).await;
}

#[tokio::test]
async fn nothing_secret_is_logged_on_postgres() {
    nothing_secret_is_logged(Engine::Postgres).await;
}

/// 141: whoever prints the whole server prints no secret.
async fn debugging_output_shows_no_secret(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    let signed_in = server.app.store.find_session(bystander.session).await.unwrap().unwrap();
    let stored = server.app.store.find_credentials(&"alice".parse().unwrap()).await.unwrap().unwrap();
    let secret = PlainSecret::new(C1.1.to_owned());
    let client = Client::without_rights("x".parse().unwrap(), ClientAuthentication::Secret(secret.hash()), START);
    let output = format!(
        "{:#?} {:?} {:#?} {:#?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        server.app.config,
        server.app.store,
        server.app.registry,
        signed_in,
        secret,
        client,
        master_secrets(),
        server.app.refresh_keys,
        server.app.device_keys,
        server.app.attempt_keys,
        server.app.throttle,
    );
    for secret in [C1.1, PASSWORD, MASTER_SECRET, &bystander.refresh, &bystander.access] {
        assert!(!output.contains(secret), "{secret}");
    }
    // Nor the hashes, that would let somebody try passwords or recognise a token, nor raw bytes of any key.
    let hash = stored.password_hash.expect("she has one");
    assert!(!output.contains(&hash) && !output.contains("argon2id"));
    let numbers =
        output.split('[').filter(|list| list.split(']').next().is_some_and(|list| list.matches(',').count() >= 15));
    assert!(numbers.into_iter().all(|list| !list.trim_start().starts_with(|c: char| c.is_ascii_digit())), "raw bytes");
}

on_both_databases!(debugging_output_shows_no_secret);
