//! Methods that an endpoint doesn't take, and paths where there is none.

use reqwest::Method;

use crate::harness::{Answer, Engine, Settings, TestServer, on_both_databases};

const POST_ONLY: [&str; 6] = ["/login", "/refresh", "/logout", "/token", "/revoke", "/introspect"];
const GET_ONLY: [&str; 6] = [
    "/jwks.json",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("a method")
}

#[track_caller]
fn assert_not_allowed(answer: &Answer, method: &str, allowed: &[&str]) {
    assert_eq!(answer.status, 405, "{method}: {answer:?}");
    let mut allow: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
    allow.sort_unstable();
    assert_eq!(allow, allowed, "{method}: {answer:?}");
    if method == "HEAD" {
        assert_eq!(answer.text, "");
    } else {
        answer.refused(405, "invalid_request");
    }
}

async fn another_method_is_answered_with_those_that_there_are(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in POST_ONLY {
        for name in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "post"] {
            assert_not_allowed(&server.send(server.request(method(name), path)).await, name, &["POST"]);
        }
    }
    for path in GET_ONLY {
        for name in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get"] {
            assert_not_allowed(&server.send(server.request(method(name), path)).await, name, &["GET", "HEAD"]);
        }
        let head = server.send(server.request(Method::HEAD, path)).await;
        let content_type = server.get(path).await.ok().header("content-type").to_owned();
        assert_eq!((head.ok().text.as_str(), head.header("content-type")), ("", content_type.as_str()));
    }
    for name in ["PUT", "DELETE", "PATCH", "TRACE"] {
        assert_not_allowed(
            &server.send(server.request(method(name), "/userinfo")).await,
            name,
            &["GET", "HEAD", "POST"],
        );
    }
}

/// A method in a header is no method: no framework for browsers that can't is in the way.
async fn a_method_is_not_overridden(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let request = server.request(Method::GET, "/logout").header(header, "POST");
        let request = request.form(&[("refresh_token", &bystander.refresh), ("_method", &"POST".to_owned())]);
        assert_not_allowed(&server.send(request).await, "GET", &["POST"]);
    }
    server.assert_lost_nothing(bystander).await;
}

async fn an_unknown_path_is_not_found(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in [
        "/",
        "/nothing",
        "/login/",
        "//login",
        "/LOGIN",
        "/log%69n",
        "/login%00",
        "/login%2f",
        "/login;jsessionid=1",
        "/./login",
        "/x/../login",
        "/..",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c..%5cwindows",
        "/token/introspect",
        "/health",
        "/metrics/",
        "/.well-known/",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server/auth",
        "/.well-known/openid-configuration/",
        "/.git/config",
        "/%ff%fe",
        "/<script>alert(1)</script>",
        "*",
    ] {
        for name in ["GET", "POST", "DELETE"] {
            let head = format!("{name} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            let answers = server.raw(head).await;
            let [answer] = &answers[..] else { panic!("{path}: {answers:?}") };
            // What isn't a path at all may be refused by the parser, without a body.
            if answer.status != 400 || !answer.text.is_empty() {
                answer.refused(404, "invalid_request");
            }
            assert!(!answer.text.contains("alert") && !answer.text.contains("passwd"), "{answer:?}");
        }
    }
    let long = format!("/{}", "a".repeat(8_000));
    server.get(&long).await.refused(404, "invalid_request");
}

/// Every endpoint lives under the issuer's path, and nowhere else.
async fn a_prefixed_issuer_answers_under_its_path_only(engine: Engine) {
    let toml = Settings::default().toml.replace("https://auth.example.com", "https://api.example.com/auth");
    let server = TestServer::start_with(engine, Settings { toml }).await;
    let root = server.base.strip_suffix("/auth").expect("the base has the prefix").to_owned();
    let bystander = server.bystander().await;
    for path in POST_ONLY {
        let answer = server.send(server.request(Method::GET, path)).await;
        assert_not_allowed(&answer, "GET", &["POST"]);
    }
    let client = reqwest::Client::new();
    for path in
        ["", "/", "/login", "/token", "/userinfo", "/jwks.json", "/auth", "/auth/", "/auth/nothing", "/auth/auth/login"]
    {
        for request in [client.get(format!("{root}{path}")), client.post(format!("{root}{path}"))] {
            server.send(request).await.refused(404, "invalid_request");
        }
    }
    for path in [
        "/.well-known/oauth-authorization-server/auth",
        "/.well-known/openid-configuration/auth",
        "/auth/.well-known/openid-configuration",
    ] {
        server.send(client.get(format!("{root}{path}"))).await.ok();
        assert_not_allowed(&server.send(client.post(format!("{root}{path}"))).await, "POST", &["GET", "HEAD"]);
    }
    server.assert_lost_nothing(bystander).await;
}

on_both_databases!(
    another_method_is_answered_with_those_that_there_are,
    a_method_is_not_overridden,
    an_unknown_path_is_not_found,
    a_prefixed_issuer_answers_under_its_path_only,
);
