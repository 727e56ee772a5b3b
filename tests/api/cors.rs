//! CORS: pages of the configured origins and of the clients' own may read answers, nobody else's.

mod refused;
mod where_and_what;

use reqwest::Method;

use crate::harness::{Answer, Engine, PASSWORD, Settings, TestServer, on_both_databases};

/// The endpoints that pages have business with.
pub(super) const FOR_PAGES: [&str; 9] = [
    "/login",
    "/refresh",
    "/logout",
    "/token",
    "/revoke",
    "/userinfo",
    "/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

pub(super) const APP: &str = "https://app.example.com";
const FOREIGN: [&str; 5] =
    ["https://evil.example", "null", "https://app.example.com.evil.example", "http://app.example.com", "*"];

pub(super) async fn preflight(server: &TestServer, path: &str, origin: &str) -> Answer {
    let request = server.request(Method::OPTIONS, path).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    server.send(request.header("access-control-request-headers", "authorization,content-type")).await
}

async fn a_page_of_the_app_may_send_what_it_needs(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in ["/login", "/refresh", "/logout", "/token", "/userinfo"] {
        let answer = preflight(&server, path, APP).await;
        assert_eq!((answer.ok().header("access-control-allow-origin"), answer.text.as_str()), (APP, ""));
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        let allowed = answer.header("access-control-allow-headers").to_ascii_lowercase();
        assert!(allowed.contains("authorization") && allowed.contains("content-type"), "{allowed}");
        let methods = answer.header("access-control-allow-methods");
        assert!(methods.contains("GET") && methods.contains("POST"), "{methods}");
        for list in [allowed.as_str(), methods] {
            assert!(!list.contains('*'));
        }
    }
}

async fn a_page_of_the_app_may_read_the_answers_errors_too(engine: Engine) {
    let server = TestServer::start(engine).await;
    let from_app = |method, path| server.request(method, path).header("origin", APP);
    let login = from_app(Method::POST, "/login").form(&[("username", "alice"), ("password", PASSWORD)]);
    for (request, status) in [
        (login, 200),
        (from_app(Method::POST, "/login").form(&[("username", "alice"), ("password", "wrong")]), 401),
        (from_app(Method::POST, "/token"), 400),
        (from_app(Method::GET, "/userinfo"), 401),
        (from_app(Method::GET, "/login"), 405),
    ] {
        let answer = server.send(request).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, APP));
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for name in ["refresh-verdict", "retry-after", "www-authenticate", "x-request-id"] {
            assert!(exposed.contains(name), "{exposed}");
        }
        varies_by_origin(&answer);
    }
}

async fn a_page_of_the_app_may_read_that_a_request_took_too_long(engine: Engine) {
    let settings = Settings::with("[http]\nrequest_timeout = '1ms'\n[passwords]\nmemory_kib = 65536\niterations = 3");
    let server = TestServer::start_with(engine, settings).await;
    let request = server.request(Method::POST, "/login").header("origin", APP);
    let answer = server.send(request.form(&[("username", "alice"), ("password", PASSWORD)])).await;
    assert_eq!(answer.refused(503, "temporarily_unavailable").header("retry-after"), "1");
    assert_eq!(answer.header("access-control-allow-origin"), APP);
}

/// Or a shared cache hands one origin the answer for another.
#[track_caller]
fn varies_by_origin(answer: &Answer) {
    let vary = answer.headers.get_all("vary").iter().map(|line| line.to_str().unwrap().to_ascii_lowercase());
    assert!(vary.collect::<Vec<_>>().join(",").contains("origin"), "{answer:?}");
}

async fn a_foreign_page_may_read_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for origin in FOREIGN {
        for path in ["/login", "/userinfo", "/token"] {
            assert_eq!(preflight(&server, path, origin).await.header("access-control-allow-origin"), "", "{origin}");
        }
        let request = server.request(Method::GET, "/userinfo").bearer_auth(&token).header("origin", origin);
        let answer = server.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        let request = server.request(Method::GET, "/jwks.json").header("origin", origin);
        let answer = server.send(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        varies_by_origin(&answer);
    }
}

async fn without_configured_origins_there_is_no_cors_at_all(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("[http]\nallowed_origins = []")).await;
    let preflight = preflight(&server, "/login", APP).await;
    assert_eq!(preflight.refused(405, "invalid_request").header("allow"), "POST");
    let get = server.send(server.request(Method::GET, "/jwks.json").header("origin", APP)).await;
    for answer in [preflight, get] {
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{answer:?}");
    }
}

on_both_databases!(
    a_page_of_the_app_may_send_what_it_needs,
    a_page_of_the_app_may_read_the_answers_errors_too,
    a_page_of_the_app_may_read_that_a_request_took_too_long,
    a_foreign_page_may_read_nothing,
    without_configured_origins_there_is_no_cors_at_all,
);
