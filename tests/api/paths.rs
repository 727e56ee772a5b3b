//! What every address has in common: methods, what isn't there, issuers with a path, and the headers of every answer.

use reqwest::Method;

use crate::harness::{Answer, C1, Engine, P1, PASSWORD, RS1, Settings, TestServer, on_both_databases};

/// Every endpoint and the methods that it takes.
const ENDPOINTS: [(&str, &str); 13] = [
    ("/login", "POST"),
    ("/refresh", "POST"),
    ("/logout", "POST"),
    ("/token", "POST"),
    ("/revoke", "POST"),
    ("/introspect", "POST"),
    ("/userinfo", "GET,HEAD,POST"),
    ("/jwks.json", "GET,HEAD"),
    ("/health/live", "GET,HEAD"),
    ("/health/ready", "GET,HEAD"),
    ("/metrics", "GET,HEAD"),
    ("/.well-known/openid-configuration", "GET,HEAD"),
    ("/.well-known/oauth-authorization-server", "GET,HEAD"),
];

const NOWHERE: [&str; 11] = [
    "/",
    "/login/",
    "/Login",
    "//login",
    "/login/x",
    "/authorize",
    "/health",
    "/.well-known",
    "/.well-known/jwks.json",
    "/%6cogin%00",
    "/login;x",
];

async fn another_method_is_405_and_told_which(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("[http]\nallowed_origins = []")).await;
    for (path, allowed) in ENDPOINTS {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            if allowed.split(',').any(|allowed| allowed == method) {
                continue;
            }
            let answer = server.send(server.request(method.parse().unwrap(), path)).await;
            assert_eq!((answer.status, answer.header("allow")), (405, allowed), "{method} {path}");
            match method {
                "HEAD" => assert_eq!(answer.text, ""),
                _ => drop(answer.refused(405, "invalid_request").clone()),
            }
        }
    }
}

async fn what_is_not_there_is_404(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in NOWHERE {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            server.send(server.request(method, path)).await.refused(404, "invalid_request");
        }
    }
}

async fn an_issuers_path_is_before_every_endpoint_and_nothing_is_elsewhere(engine: Engine) {
    let settings = Settings::with("issuer = 'https://api.example.com/auth'\n[http]\nallowed_origins = []");
    let server = TestServer::start_with(engine, settings).await;
    let get = async |path: String| server.send(server.request_at_root(Method::GET, &path)).await;
    for (path, allowed) in ENDPOINTS.into_iter().filter(|(path, _)| !path.ends_with("authorization-server")) {
        let there = get(format!("/auth{path}")).await;
        if allowed == "POST" {
            assert_eq!(there.refused(405, "invalid_request").header("allow"), allowed, "{path}");
        } else {
            assert_ne!(there.status, 404, "{path}");
        }
        for elsewhere in
            [path.to_owned(), format!("/auth/auth{path}"), format!("/authx{path}"), format!("/x/auth{path}")]
        {
            get(elsewhere).await.refused(404, "invalid_request");
        }
    }
    let inserted = get("/.well-known/oauth-authorization-server/auth".to_owned()).await;
    assert_eq!(inserted.ok().json()["token_endpoint"], "https://api.example.com/auth/token");
    for elsewhere in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/auth/",
        "/.well-known/oauth-authorization-server/other",
        "/.well-known/openid-configuration/other",
        "/auth",
        "/auth/",
        "/",
    ] {
        get(elsewhere.to_owned()).await.refused(404, "invalid_request");
    }
}

async fn under_a_path_everything_works(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("issuer = 'https://api.example.com/v1/auth'")).await;
    let first = server.login().await;
    assert_eq!(first.claims()["iss"], "https://api.example.com/v1/auth");
    server.get_with("/userinfo", &first.access_token()).await.ok();
    let second = server.refresh(&first.refresh_token()).await;
    let own = server.own_token(C1, &[]).await.access_token();
    assert_eq!(server.introspect(&own).await.active().json()["iss"], "https://api.example.com/v1/auth");
    server.post_as(C1, "/revoke", &[("token", &own)]).await.ok();
    server.introspect(&own).await.inactive();
    server.post("/logout", &[("refresh_token", &second.refresh_token())]).await.no_content();
    server.assert_dead(&second.access_token(), &[&second.refresh_token()]).await;
}

/// An answer of each kind.
async fn one_of_each(server: &TestServer) -> Vec<(u16, Answer)> {
    let tag = server.get("/jwks.json").await.header("etag").to_owned();
    let login = server.login().await;
    let logout = [("refresh_token", login.refresh_token())];
    let get = |path| server.request(Method::GET, path);
    let post = |path| server.request(Method::POST, path);
    let mut answers = vec![(200, login)];
    for (status, request) in [
        (200, get("/jwks.json")),
        (200, get("/health/live")),
        (200, server.request(Method::HEAD, "/jwks.json")),
        (200, server.request(Method::OPTIONS, "/login").header("origin", "https://app.example.com")),
        (204, post("/logout").form(&logout)),
        (304, get("/jwks.json").header("if-none-match", tag)),
        (400, post("/token")),
        (401, post("/introspect").basic_auth(RS1.0, Some("wrong")).form(&[("token", "x")])),
        (403, post("/login").header("origin", "https://evil.example").form(&[("username", "alice")])),
        (404, get("/nowhere")),
        (405, get("/login")),
        (413, post("/login").form(&[("username", "a".repeat(5_000))])),
    ] {
        answers.push((status, server.send(request).await));
    }
    server.app.store.close().await;
    answers.push((503, server.get("/health/ready").await));
    answers
}

async fn every_answer_has_the_security_headers(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (status, answer) in one_of_each(&server).await {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{answer:?}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{answer:?}");
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{answer:?}");
        for telling in ["server", "x-powered-by", "via"] {
            assert_eq!(answer.header(telling), "", "{answer:?}");
        }
    }
    let server = TestServer::start_with(engine, Settings::with("issuer = 'http://127.0.0.1:8080'")).await;
    assert_eq!(server.get("/jwks.json").await.ok().header("strict-transport-security"), "");
}

async fn every_answer_has_a_number_of_its_own(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answers = one_of_each(&server).await;
    let mut numbers: Vec<_> = answers.iter().map(|(_, answer)| answer.header("x-request-id").to_owned()).collect();
    assert!(numbers.iter().all(|number| number.len() >= 16), "{numbers:?}");
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), answers.len());
}

async fn a_number_is_taken_from_a_trusted_proxy_only(engine: Engine) {
    let numbered = async |server: &TestServer, number: &str| {
        let request = server.request(Method::GET, "/health/live").header("x-request-id", number);
        server.send(request).await.ok().header("x-request-id").to_owned()
    };
    let server = TestServer::start(engine).await;
    assert_ne!(numbered(&server, "from-a-stranger").await, "from-a-stranger");
    let behind_proxy = Settings::with("[http]\ntrusted_proxies = ['127.0.0.1']");
    let server = TestServer::start_with(engine, behind_proxy).await;
    assert_eq!(numbered(&server, "from-the-proxy.1_2").await, "from-the-proxy.1_2");
    for bad in ["a b", "a\"b", "", &"x".repeat(65)] {
        assert_ne!(numbered(&server, bad).await, bad);
    }
}

async fn the_address_of_a_client_is_taken_from_a_trusted_proxy_only(engine: Engine) {
    use tokend::store::sessions::SessionFilter;
    for (settings, expected) in [
        (Settings::default(), "127.0.0.1"),
        (Settings::with("[http]\ntrusted_proxies = ['127.0.0.0/8', '10.0.0.0/8']"), "198.51.100.7"),
    ] {
        let server = TestServer::start_with(engine, settings).await;
        let form = [("username", "alice"), ("password", PASSWORD), ("client_id", P1)];
        let request = server.request(Method::POST, "/login").form(&form);
        server.send(request.header("x-forwarded-for", "203.0.113.5, 198.51.100.7, 10.0.0.9")).await.ok();
        let filter = SessionFilter::default();
        let sessions = server.app.store.sessions().list(&filter, server.clock.now(), 10).await.unwrap();
        assert_eq!(sessions[0].device.ip.as_deref(), Some(expected));
    }
}

on_both_databases!(
    another_method_is_405_and_told_which,
    what_is_not_there_is_404,
    an_issuers_path_is_before_every_endpoint_and_nothing_is_elsewhere,
    under_a_path_everything_works,
    every_answer_has_the_security_headers,
    every_answer_has_a_number_of_its_own,
    a_number_is_taken_from_a_trusted_proxy_only,
    the_address_of_a_client_is_taken_from_a_trusted_proxy_only,
);
