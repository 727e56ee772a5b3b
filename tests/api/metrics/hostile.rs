//! G8: whatever strangers send, nothing of it is in the metrics, and there are no more of them than before.

use reqwest::Method;

use crate::harness::{Engine, P1, PASSWORD, Settings, TestServer, on_both_databases};

/// Texts that would end a label, a line or a number, or stand out in them.
const CANARIES: [&str; 5] = ["canary", "canary\"} 1", "canary\\", "{canary=\"1\"}", "canary\u{e9}\u{2028}"];

async fn nothing_that_a_request_brings_is_in_them(engine: Engine) {
    let settings = "[throttle]\nenabled = true\n[http]\nallowed_origins = ['https://app.example.com']";
    let server = TestServer::start_with(engine, Settings::with(settings)).await;
    let before = server.metrics().await;
    for canary in CANARIES {
        let encoded: String = url_encoded(canary);
        for path in ["/", "/login/", "/login?", "/metrics/", "/metrics?x=", "/.well-known/"] {
            server.get(&format!("{path}{encoded}")).await;
        }
        let word: String = canary.chars().filter(char::is_ascii_alphanumeric).collect();
        for path in ["/login", "/metrics", "/nowhere"] {
            let method = Method::from_bytes(word.as_bytes()).unwrap();
            server.send(server.request(method, path).header("user-agent", canary)).await;
        }
        for password in ["wrong", PASSWORD] {
            server.post("/login", &[("username", canary), ("password", password), ("client_id", P1)]).await;
        }
        server.post("/login", &[("username", "alice"), ("password", PASSWORD), ("client_id", canary)]).await;
        server.post("/login", &[("username", "alice"), ("password", PASSWORD), ("scope", canary)]).await;
        server.post_as((canary, canary), "/token", &[("grant_type", "client_credentials")]).await;
        server.post("/token", &[("grant_type", canary), ("client_id", P1)]).await;
        server.post("/refresh", &[("refresh_token", canary)]).await;
        server.introspect(canary).await;
        server.get_with("/userinfo", "canary").await;
        let headers = server.request(Method::GET, "/metrics").header("x-request-id", canary).header("host", "canary");
        server.send(headers.header("origin", "https://canary.example")).await;
    }
    for line in ["GET /canary", "GET http://canary/metrics", "canary /metrics", "GET /metrics#canary"] {
        server.raw(format!("{line} HTTP/1.1\r\nhost: canary\r\nconnection: close\r\n\r\n")).await;
    }
    let text = server.get("/metrics").await.ok().text.clone();
    assert!(!text.to_lowercase().contains("canary"), "{text}");
    let after = server.metrics().await;
    assert_eq!(after.series(), before.series(), "no series but those that there were");
    let nowhere = r#"tokend_requests_total{endpoint="(none)",status="4xx"}"#;
    assert!((after.value(nowhere) - 27.0).abs() < 0.5, "all of it was counted: {text}");
}

fn url_encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02x}") })
        .collect()
}

on_both_databases!(nothing_that_a_request_brings_is_in_them,);
