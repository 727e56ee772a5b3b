//! And 69, 99, 102 of other chapters: what is secret is in no log, no error and no debugging output, wherever
//! somebody put it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use tokend::domain::{Client, ClientAuthentication, PlainSecret};
use tokend::password::PlainPassword;

use crate::harness::{
    ADMIN, Answer, BOBS_PASSWORD, C1, C2, Engine, Logs, MASTER_SECRET, P1, PASSWORD, RS1, START, TestServer, encode,
    master_secrets, on_both_databases,
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

/// The same secrets where they do belong, on the ways that the others don't take. The tokens and passwords of it.
async fn use_secrets_well(server: &TestServer) -> Vec<String> {
    let mut secrets = Vec::new();
    let h2 = reqwest::Client::builder().http2_prior_knowledge().build().expect("a client");
    let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
    let by_h2 = |path: &str| h2.request(Method::POST, format!("{}{path}", server.base));
    for (id, secret) in [C1, C2, ("nobody", C1.1), (C1.0, "canary-of-a-client-secret")] {
        let answer = server.send(by_h2("/token").basic_auth(id, Some(secret)).form(&form)).await;
        secrets.push(secret.to_owned());
        if answer.status == 200 {
            let (access, refresh) = (answer.access_token(), answer.refresh_token());
            server.send(by_h2("/userinfo").bearer_auth(&access)).await;
            server.send(by_h2("/refresh").basic_auth(id, Some(secret)).form(&[("refresh_token", &refresh)])).await.ok();
            server.send(by_h2("/introspect").bearer_auth(&access).form(&[("token", &refresh)])).await;
            server.send(by_h2("/logout").bearer_auth(&access)).await.no_content();
            secrets.extend([access, refresh]);
        }
    }
    let posted = [&form[..], &[("client_id", C2.0), ("client_secret", C2.1)]].concat();
    secrets.push(server.post("/token", &posted).await.refresh_token());
    let own = server.own_token(C1, &[]).await.access_token();
    server.post_as(C1, "/revoke", &[("token", &own), ("token_type_hint", &own)]).await.ok();
    server.post_as(ADMIN, "/revoke", &[("token", &own)]).await.ok();
    for name in ["sid", "sub", "username", "of_client"] {
        server.post_as(ADMIN, "/revoke", &[(name, &own)]).await.ok();
    }
    let misplaced = format!("{own}\u{7f}");
    for name in ["scope", "resource", "device_name", "cookie"] {
        server.login_asking(&[(name, &misplaced)]).await;
    }
    server.post("/login", &[("username", &misplaced), ("password", PASSWORD)]).await.refused(401, "invalid_grant");
    secrets.push(own);
    let cookie = server.login_asking(&[("cookie", "true")]).await;
    let cookie = cookie.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    for path in ["/refresh", "/logout"] {
        let request = server.request(Method::POST, path).header("origin", "https://app.example.com");
        server.send(request.header("cookie", &cookie)).await;
    }
    secrets.push(cookie.split_once('=').expect("a value").1.to_owned());
    secrets.push(a_new_password(server).await);
    for path in ["/jwks.json", "/.well-known/openid-configuration", "/health/live", "/health/ready", "/metrics"] {
        server.get(path).await;
    }
    secrets
}

/// Alice gets a password, loses it again, and what she had in between is tried once more.
async fn a_new_password(server: &TestServer) -> String {
    let password = "canary of a new password".to_owned();
    let hash = server.app.hasher.hash(PlainPassword::chosen(&password).unwrap()).await.unwrap();
    let old =
        server.app.store.users().find_credentials(&"alice".parse().unwrap()).await.unwrap().unwrap().password_hash;
    let set = async |hash: &str| server.operator().users().set_password(server.alice, hash, START).await.unwrap();
    set(hash.as_str()).await;
    server.post("/login", &[("username", "alice"), ("password", &password)]).await.ok();
    set(&old.expect("she had one")).await;
    server.post("/login", &[("username", "alice"), ("password", &password)]).await.refused(401, "invalid_grant");
    password
}

/// A secret as it stands, and as forms, headers and databases write it.
fn spellings(secret: &str) -> Vec<String> {
    let hex = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let basic = [C1, C2, RS1, ADMIN].iter().filter(|(_, own)| *own == secret);
    let basic = basic.map(|(id, secret)| STANDARD.encode(format!("{id}:{secret}")));
    [secret.to_owned(), form.replace('+', "%20"), form, STANDARD.encode(secret), encode(secret), hex]
        .into_iter()
        .chain(basic)
        .collect()
}

async fn nothing_secret_is_logged(engine: Engine) {
    let logs = Logs::capture();
    let mut server = TestServer::start(engine).await;
    server.listen();
    let mut secrets = use_secrets_well(&server).await;
    secrets.extend(use_every_secret(&server).await);
    let text = logs.text();
    assert!(text.lines().filter(|line| line.contains("request")).count() > 60, "requests are logged: {text}");
    assert!(text.contains("h2::"), "not only what is ours is heard");
    for secret in &secrets {
        for spelling in spellings(secret) {
            if let Some(line) = text.lines().find(|line| line.contains(&spelling)) {
                panic!("{secret} is in: {line:.2000}");
            }
        }
        // A signature alone, or the middle of a refresh token, would do as well.
        let tail = &secret[secret.len().saturating_sub(43)..];
        assert!(tail.len() < 43 || !text.contains(tail), "a part of {secret}");
    }
    // 102: nothing that was sent begins a line of its own.
    assert!(text.lines().all(|line| line.starts_with("20") || line.starts_with(' ')), "{text:.2000}");
    let heard = server.heard();
    println!("{} secrets, {} answers, {} bytes of log", secrets.len(), heard.len(), text.len());
    for answer in &heard {
        assert_tells_no_secret(answer, &secrets);
    }
}

/// The one answer that has a secret is the one that gives out tokens, and it has no other.
fn assert_tells_no_secret(answer: &Answer, secrets: &[String]) {
    let gives_tokens = answer.status == 200 && answer.json().get("access_token").is_some();
    let is_token = |secret: &&String| secret.starts_with("tkr_") || secret.starts_with("ey");
    let answer = format!("{answer:?}");
    for secret in secrets.iter().filter(|secret| !(gives_tokens && is_token(secret))) {
        assert!(spellings(secret).iter().all(|spelling| !answer.contains(spelling)), "{secret} is in {answer:.2000}");
    }
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

/// Whoever prints the whole server prints no secret.
async fn debugging_output_shows_no_secret(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander_on(C1).await;
    let signed_in = server.app.store.sessions().find(bystander.session).await.unwrap().unwrap();
    let stored = server.app.store.users().find_credentials(&"alice".parse().unwrap()).await.unwrap().unwrap();
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
