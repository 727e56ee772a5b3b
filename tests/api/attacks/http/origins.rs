//! Where a request comes from: the pages that may read our answers, and the addresses that proxies name.

use reqwest::Method;

use crate::cors::FOR_PAGES;
use crate::harness::{Answer, Engine, PASSWORD, Settings, TestServer, on_both_databases};

const OWN: &str = "https://app.example.com";

fn preflight(server: &TestServer, path: &str, origin: &str) -> reqwest::RequestBuilder {
    let request = server.request(Method::OPTIONS, path).header("origin", origin);
    request
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization, content-type, x-evil")
}

/// CVE-2026-37977. No page but the configured ones may read anything, and no origin is taken over from the request.
async fn a_foreign_page_reads_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    for origin in [
        "https://evil.example",
        "null",
        "",
        "*",
        "http://app.example.com",
        "https://app.example.com:443",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://evilapp.example.com",
        "https://APP.EXAMPLE.COM",
        "https://app.example.com/",
        "https://app.example.com https://evil.example",
    ] {
        for path in FOR_PAGES.into_iter().chain(["/introspect", "/metrics"]) {
            let mut answers = vec![server.send(preflight(&server, path, origin)).await];
            for method in [Method::GET, Method::POST] {
                answers.push(server.send(server.request(method, path).header("origin", origin)).await);
            }
            for answer in answers {
                assert_eq!(answer.header("access-control-allow-origin"), "", "{origin} {path}: {answer:?}");
                assert!(answer.headers.values().all(|value| value != origin || origin.is_empty()), "{answer:?}");
            }
        }
    }
}

async fn an_own_page_reads_its_answers(engine: Engine) {
    let server = TestServer::start(engine).await;
    let assert_allowed = |answer: &Answer| {
        assert_eq!(answer.header("access-control-allow-origin"), OWN, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true", "{answer:?}");
        let vary = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap().to_lowercase());
        assert!(vary.into_iter().any(|value| value.contains("origin")), "a cache must not mix them up: {answer:?}");
    };
    for path in FOR_PAGES {
        let answer = server.send(preflight(&server, path, OWN)).await;
        assert_allowed(answer.ok());
        assert!(!answer.header("access-control-allow-headers").contains("x-evil"), "{answer:?}");
        assert!(!answer.header("access-control-allow-methods").contains('*'), "{answer:?}");
    }
    let request = server.request(Method::POST, "/login").header("origin", OWN);
    assert_allowed(server.send(request.form(&[("username", "alice"), ("password", PASSWORD)])).await.ok());
    let request = server.request(Method::POST, "/login").header("origin", OWN);
    assert_allowed(
        server
            .send(request.form(&[("username", "alice"), ("password", "wrong password")]))
            .await
            .refused(401, "invalid_grant"),
    );
}

/// Without configured origins there is no CORS at all.
async fn without_origins_nobody_is_told_anything(engine: Engine) {
    let toml = Settings::default().toml.replace(r#"["https://app.example.com"]"#, "[]");
    let server = TestServer::start_with(engine, Settings { toml }).await;
    for path in FOR_PAGES {
        for answer in [server.send(preflight(&server, path, OWN)).await, server.get(path).await] {
            assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{answer:?}");
        }
        server.send(preflight(&server, path, OWN)).await.refused(405, "invalid_request");
    }
}

async fn address_of(server: &TestServer, fields: &[(&str, &str)]) -> String {
    let mut request = server.request(Method::POST, "/login").form(&[("username", "alice"), ("password", PASSWORD)]);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let session = server.session_of(&server.send(request).await.access_token()).await;
    server.app.store.sessions().find(session).await.unwrap().unwrap().session.device.ip.expect("an address")
}

/// CVE-2026-111934, CVE-2026-11922, CVE-2026-107271, CVE-2026-108162.
async fn an_address_is_believed_from_a_trusted_proxy_only(engine: Engine) {
    const FOR: &str = "x-forwarded-for";
    let server = TestServer::start(engine).await;
    let spoofed = [
        (FOR, "203.0.113.7"),
        ("x-real-ip", "203.0.113.7"),
        ("forwarded", "for=203.0.113.7"),
        ("cf-connecting-ip", "203.0.113.7"),
        ("true-client-ip", "203.0.113.7"),
        ("x-client-ip", "203.0.113.7"),
    ];
    assert_eq!(address_of(&server, &spoofed).await, "127.0.0.1");

    let toml = format!("{}\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n", Settings::default().toml);
    let server = TestServer::start_with(engine, Settings { toml }).await;
    let many = (1..200).map(|i| format!("192.0.2.{i}")).collect::<Vec<_>>().join(", ");
    for (entries, address) in [
        (vec!["203.0.113.7"], "203.0.113.7"),
        (vec!["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        (vec!["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        (vec!["6.6.6.6, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        (vec!["127.0.0.1, 203.0.113.7"], "203.0.113.7"),
        (vec!["203.0.113.7:1234"], "203.0.113.7"),
        (vec!["[2001:db8::7]:1234"], "2001:db8::7"),
        (vec!["::ffff:203.0.113.7"], "203.0.113.7"),
        (vec![many.as_str()], "192.0.2.199"),
        (vec!["203.0.113.7, unknown"], "127.0.0.1"),
        (vec!["203.0.113.7, "], "127.0.0.1"),
        (vec!["203.0.113.7, ' OR 1=1--"], "127.0.0.1"),
        (vec!["999.999.999.999"], "127.0.0.1"),
        (vec!["<script>"], "127.0.0.1"),
        (vec![""], "127.0.0.1"),
        (vec![], "127.0.0.1"),
    ] {
        let fields: Vec<_> = entries.iter().map(|entry| (FOR, *entry)).collect();
        assert_eq!(address_of(&server, &fields).await, address, "{entries:?}");
    }
}

/// A stranger doesn't number our requests, and a proxy's number is a plain word or none.
async fn a_request_id_is_ours_or_a_trusted_proxys(engine: Engine) {
    let server = TestServer::start(engine).await;
    let id_for = async |server: &TestServer, sent: &str| {
        let request = server.request(Method::GET, "/health/live").header("x-request-id", sent);
        server.send(request).await.ok().header("x-request-id").to_owned()
    };
    assert_ne!(id_for(&server, "mine").await, "mine");
    let toml = format!("{}\ntrusted_proxies = [\"127.0.0.1\"]\n", Settings::default().toml);
    let server = TestServer::start_with(engine, Settings { toml }).await;
    assert_eq!(id_for(&server, "proxy-1_2.3").await, "proxy-1_2.3");
    for bad in ["", " ", "a b", "a\"b", "<script>", "\u{e9}", &"a".repeat(65), "a;b", "a%0d%0ab"] {
        let id = id_for(&server, bad).await;
        assert!(id != bad && id.len() == 36, "{bad}: {id}");
    }
}

on_both_databases!(
    a_foreign_page_reads_nothing,
    an_own_page_reads_its_answers,
    without_origins_nobody_is_told_anything,
    an_address_is_believed_from_a_trusted_proxy_only,
    a_request_id_is_ours_or_a_trusted_proxys,
);
