//! Header fields of answers, and of requests that try to get into them.

use reqwest::{Method, RequestBuilder};

use crate::harness::{Answer, C1, Engine, P1, PASSWORD, RS1, Settings, TestServer, on_both_databases};

/// Requests of every kind and their answers: good, refused, unauthorised, unknown, too large.
async fn answers(server: &TestServer) -> Vec<(&'static str, Answer)> {
    let bystander = server.bystander().await;
    let access = bystander.access.as_str();
    let post = |path: &str| server.request(Method::POST, path);
    let requests: Vec<(&'static str, RequestBuilder)> = vec![
        ("/login", post("/login").form(&[("username", "alice"), ("password", PASSWORD)])),
        ("/login", post("/login").form(&[("username", "alice"), ("password", "wrong password")])),
        ("/login", post("/login").form(&[("username", "alice")])),
        ("/login", post("/login").body("x".repeat(5_000))),
        ("/login", server.request(Method::GET, "/login")),
        ("/token", post("/token").basic_auth(C1.0, Some(C1.1)).form(&[("grant_type", "client_credentials")])),
        ("/token", post("/token").basic_auth(C1.0, Some("wrong")).form(&[("grant_type", "client_credentials")])),
        ("/token", post("/token").form(&[("grant_type", "x"), ("client_id", P1)])),
        ("/token", post("/token").json(&serde_json::json!({}))),
        ("/token", server.request(Method::PUT, "/token")),
        ("/introspect", post("/introspect").basic_auth(RS1.0, Some(RS1.1)).form(&[("token", access)])),
        ("/introspect", post("/introspect").basic_auth(RS1.0, Some(RS1.1)).form(&[("token", "x")])),
        ("/introspect", post("/introspect").basic_auth(C1.0, Some(C1.1)).form(&[("token", access)])),
        ("/introspect", post("/introspect").form(&[("token", access)])),
        ("/userinfo", server.request(Method::GET, "/userinfo").bearer_auth(access)),
        ("/userinfo", server.request(Method::GET, "/userinfo").bearer_auth("x")),
        ("/userinfo", server.request(Method::GET, "/userinfo")),
        ("/userinfo", server.request(Method::DELETE, "/userinfo")),
        ("/refresh", post("/refresh").form(&[("refresh_token", "x")])),
        ("/refresh", post("/refresh").form(&[("refresh_token", bystander.refresh.as_str())])),
        ("/logout", post("/logout").form(&[("refresh_token", "x")])),
        ("/logout", post("/logout").bearer_auth("x")),
        ("/revoke", post("/revoke").form(&[("client_id", P1), ("token", "x")])),
        ("/revoke", post("/revoke").form(&[("token", "x")])),
        ("/nothing", server.request(Method::GET, "/nothing")),
        ("/health/live", server.request(Method::GET, "/health/live")),
        ("/jwks.json", server.request(Method::GET, "/jwks.json")),
        ("/jwks.json", post("/jwks.json")),
        ("/metrics", post("/metrics")),
        ("/metrics", server.request(Method::GET, "/metrics").header("x-forwarded-for", "127.0.0.1")),
    ];
    let mut answers = Vec::new();
    for (path, request) in requests {
        answers.push((path, server.send(request).await));
    }
    answers
}

/// RFC 6749 §5.1 on every answer with or about credentials, and what browsers need to be told on all.
async fn every_answer_has_its_header_fields(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (path, answer) in answers(&server).await {
        let is_public = path == "/jwks.json" && answer.status == 200;
        if !is_public {
            assert_eq!(answer.header("cache-control"), "no-store", "{path}: {answer:?}");
        }
        if answer.status != 204 {
            assert_eq!(answer.header("content-type"), "application/json", "{path}: {answer:?}");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}: {answer:?}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}: {answer:?}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}: {answer:?}");
        assert!(answer.header("strict-transport-security").starts_with("max-age="), "{path}: {answer:?}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}: {answer:?}");
        for name in ["server", "x-powered-by", "via", "etag"] {
            assert!(answer.header(name).is_empty() || is_public, "{path}: {answer:?}");
        }
        assert!(answer.headers.get_all("cache-control").iter().count() == 1, "{path}: {answer:?}");
    }
}

/// HSTS on a server that is reached in plain text would lock its users out.
async fn a_plain_issuer_promises_no_tls(engine: Engine) {
    let toml = Settings::default().toml.replace("https://auth.example.com", "http://127.0.0.1:8080");
    let server = TestServer::start_with(engine, Settings { toml }).await;
    assert_eq!(server.get("/health/live").await.header("strict-transport-security"), "");
}

/// Whatever is sent, no field of an answer comes from it.
async fn nothing_of_a_request_gets_into_a_header_field(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let injections = [
        "x\r\nx-injected: 1",
        "x\nx-injected: 1",
        "x\r\n\r\n<script>alert(1)</script>",
        "x\u{560d}\u{560a}x-injected: 1",
        "\"; x-injected=1; \"",
        "injected\"><script>alert(1)</script>",
        "${jndi:ldap://injected}",
        "{{injected}}",
    ];
    for text in injections {
        for name in [
            "client_id",
            "scope",
            "resource",
            "state",
            "grant_type",
            "realm",
            "error",
            "username",
            "device_name",
            "token_type_hint",
        ] {
            for (path, form) in [
                ("/login", vec![("username", "nobody"), ("password", "x")]),
                ("/token", vec![("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", P1)]),
                ("/revoke", vec![("token", "x"), ("client_id", P1)]),
                ("/introspect", vec![("token", "x")]),
            ] {
                let mut form = form;
                form.retain(|(other, _)| *other != name);
                form.push((name, text));
                assert_nothing_reflected(&server.post(path, &form).await);
            }
        }
        let basic = server.request(Method::POST, "/token").basic_auth(text, Some(text)).form(&[("grant_type", text)]);
        assert_nothing_reflected(&server.send(basic).await);
        let path: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        assert_nothing_reflected(&server.get(&format!("/{path}")).await);
        assert_nothing_reflected(&server.get(&format!("/userinfo?{path}={path}")).await);
    }
    for field in
        ["x-request-id", "origin", "referer", "user-agent", "cookie", "x-forwarded-for", "forwarded", "accept", "host"]
    {
        let request = server.request(Method::POST, "/login").header(field, "injected; <script>alert(1)</script>");
        let answer = server.send(request.form(&[("username", "nobody"), ("password", "x")])).await;
        assert_nothing_reflected(&answer);
    }
    server.assert_lost_nothing(bystander).await;
}

#[track_caller]
fn assert_nothing_reflected(answer: &Answer) {
    assert!(!answer.headers.contains_key("x-injected"), "{answer:?}");
    let fields = answer.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    for text in fields.chain([answer.text.clone()]) {
        assert!(!text.contains("inject") && !text.contains("<script"), "{answer:?}");
    }
    assert!((200..500).contains(&answer.status), "{answer:?}");
}

/// 104's sibling: JSON comes whatever the caller would like better.
async fn accept_does_not_matter(engine: Engine) {
    let server = TestServer::start(engine).await;
    for accept in ["text/html", "application/xml", "image/*", "application/json;q=0", "\u{e9}", ""] {
        for (path, status) in [("/nothing", 404), ("/login", 405)] {
            let answer = server.send(server.request(Method::GET, path).header("accept", accept)).await;
            answer.refused(status, "invalid_request");
        }
        let answer = server.send(server.request(Method::GET, "/jwks.json").header("accept", accept)).await;
        assert_eq!(answer.ok().header("content-type"), "application/json");
    }
}

on_both_databases!(
    every_answer_has_its_header_fields,
    a_plain_issuer_promises_no_tls,
    nothing_of_a_request_gets_into_a_header_field,
    accept_does_not_matter,
);
