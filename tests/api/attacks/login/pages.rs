//! Browsers: pages of others that make one sign in, refresh or sign out, and cookies that were there before.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::harness::{Answer, Engine, P1, PASSWORD, TestServer, on_both_databases};

const OWN: &str = "https://app.example.com";
/// The cookie of the client [`P1`] of this issuer.
const NAME: &str = "__Host-tokend-refresh-VtZQqsUzJGYqtSmB";

/// Origins that are none of ours, however much they look like one.
const FOREIGN: [&str; 13] = [
    "https://evil.example",
    "null",
    "",
    "*",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil.app.example.com",
    "https://APP.example.com",
    "https://app.example.com/",
    "https://app.example.com, https://evil.example",
    "https://app.example.com@evil.example",
    "file://",
];

async fn sign_in_by_cookie(server: &TestServer) -> (Answer, String) {
    let form = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
    let answer = server.send(server.request(Method::POST, "/login").header("origin", OWN).form(&form)).await;
    let token = answer.refresh_token_in_cookie();
    assert!(answer.refresh_cookie().starts_with(&format!("{NAME}={token};")), "{answer:?}");
    (answer, token)
}

/// The requests that take the refresh token from the cookie.
fn by_cookie(server: &TestServer, token: &str) -> Vec<(&'static str, RequestBuilder)> {
    let cookie = format!("theme=dark; {NAME}={token}; other=1");
    let request = |path| server.request(Method::POST, path).header("cookie", &cookie);
    vec![
        ("/refresh, form", request("/refresh").form(&[("client_id", P1)])),
        ("/refresh, nothing", request("/refresh")),
        ("/refresh, JSON", request("/refresh").json(&json!({}))),
        ("/token", request("/token").form(&[("grant_type", "refresh_token"), ("client_id", P1)])),
        ("/logout, form", request("/logout").form(&[("all", "true")])),
        ("/logout, nothing", request("/logout")),
        ("/logout, JSON", request("/logout").json(&json!({ "all": true }))),
    ]
}

/// Login CSRF. A page of another site signs nobody in, whatever it sends.
async fn a_foreign_page_signs_nobody_in(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
    let json = json!({ "username": "alice", "password": PASSWORD, "cookie": true });
    let requests =
        || [server.request(Method::POST, "/login").form(&form), server.request(Method::POST, "/login").json(&json)];
    let assert_refused = |answer: &Answer| {
        answer.refused(403, "invalid_request");
        assert!(answer.header("set-cookie").is_empty());
    };
    for origin in FOREIGN {
        for request in requests() {
            assert_refused(&server.send(request.header("origin", origin)).await);
        }
    }
    for request in requests() {
        assert_refused(&server.send(request.header("sec-fetch-site", "cross-site")).await);
    }
    for request in requests() {
        let twice = request.header("origin", OWN).header("origin", "https://evil.example");
        assert_refused(&server.send(twice).await);
    }
    for origin in [OWN, "https://auth.example.com"] {
        for request in requests() {
            server.send(request.header("origin", origin).header("sec-fetch-site", "same-site")).await.ok();
        }
    }
}

/// For the cookie: only an own page uses it. It has lost nothing by what others tried.
async fn a_foreign_page_can_not_use_the_cookie(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (answer, token) = sign_in_by_cookie(&server).await;
    assert!(answer.json().get("refresh_token").is_none(), "it is not in the body");
    let session = server.session_of(&answer.access_token()).await;
    for origin in FOREIGN.into_iter().map(Some).chain([None]) {
        for (what, request) in by_cookie(&server, &token) {
            let request = match origin {
                Some(origin) => request.header("origin", origin),
                None => request,
            };
            let answer = server.send(request).await;
            assert_eq!((answer.status, answer.header("set-cookie")), (403, ""), "{what} from {origin:?}: {answer:?}");
            answer.refused(403, "invalid_request");
        }
    }
    // Nor next to an access token, be it good or not: the cookie would be the way out when that one has expired.
    for access in [answer.access_token(), "expired".to_owned()] {
        let (_, logout) = by_cookie(&server, &token).swap_remove(4);
        let request = logout.bearer_auth(access).header("origin", "https://evil.example");
        server.send(request).await.refused(403, "invalid_request");
    }
    assert_eq!(server.generation(session).await, 1);
    let mut token = token;
    for i in 0..4 {
        let (what, request) = by_cookie(&server, &token).swap_remove(i);
        let answer = server.send(request.header("origin", OWN)).await;
        assert!(answer.ok().json().get("refresh_token").is_none(), "{what}: {answer:?}");
        token = answer.refresh_token_in_cookie();
    }
    let (_, logout) = by_cookie(&server, &token).swap_remove(5);
    let answer = server.send(logout.header("origin", OWN)).await;
    assert!(answer.status == 204 && answer.header("set-cookie").contains("Max-Age=0"), "{answer:?}");
    server.refresh(&token).await.refused(401, "invalid_grant");
}

/// The cookie of the specification: out of reach of scripts, of other hosts and of plain HTTP.
async fn the_cookie_has_its_attributes(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (answer, _) = sign_in_by_cookie(&server).await;
    let mut attributes: Vec<&str> = answer.refresh_cookie().split("; ").skip(1).collect();
    attributes.retain(|attribute| !attribute.starts_with("Max-Age="));
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]);
    // Whoever asks for a body gets no cookie.
    assert_eq!(server.login().await.header("set-cookie"), "");
}

/// Session fixation, CVE-2024-7341. A cookie that was there before has no part in a sign-in.
async fn a_planted_cookie_is_not_taken_over(engine: Engine) {
    let server = TestServer::start(engine).await;
    let attackers = server.bystander().await;
    let form = [("username", "bob"), ("password", crate::harness::BOBS_PASSWORD), ("cookie", "true")];
    for planted in [&attackers.refresh, &"x".to_owned(), &String::new()] {
        let request = server.request(Method::POST, "/login").header("origin", OWN).form(&form);
        let answer = server.send(request.header("cookie", format!("{NAME}={planted}"))).await;
        assert_ne!(&answer.refresh_token_in_cookie(), planted);
        assert_ne!(server.session_of(&answer.access_token()).await, attackers.session);
    }
    server.assert_lost_nothing(attackers).await;
}

/// Cookies that are none, or somebody else's.
async fn a_malformed_cookie(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    for cookie in [
        format!("{NAME}="),
        format!("{NAME}=\"{}\"", bystander.refresh),
        format!("{NAME}={}A", bystander.refresh),
        format!("{NAME}={}; {NAME}={}", "x", bystander.refresh),
        NAME.to_owned(),
        format!("{}={}", NAME.to_lowercase(), bystander.refresh),
        format!("x{NAME}={}", bystander.refresh),
        format!("{NAME}x={}", bystander.refresh),
        format!("tokend-refresh={}", bystander.refresh),
        format!("{NAME} ={}", bystander.refresh),
        ";;;=;".to_owned(),
        "\u{e9}".to_owned(),
    ] {
        let request =
            server.request(Method::POST, "/refresh").header("origin", OWN).header("cookie", cookie.as_bytes());
        let answer = server.send(request).await;
        assert_eq!(answer.status, 401, "{cookie}: {answer:?}");
        answer.refused(401, "invalid_grant");
    }
    let twice = server.request(Method::POST, "/refresh").header("origin", OWN).header("cookie", format!("{NAME}=x"));
    let twice = twice.header("cookie", format!("{NAME}={}", bystander.refresh));
    server.send(twice).await.refused(401, "invalid_grant");
    server.assert_lost_nothing(bystander).await;
}

/// Nothing is taken from an address, and nothing is done for a request that has something there.
async fn credentials_in_the_address(engine: Engine) {
    let server = TestServer::start(engine).await;
    let bystander = server.bystander().await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    server.get(&format!("/login?{query}")).await.refused(405, "invalid_request");
    server.post(&format!("/login?{query}"), &[]).await.refused(400, "invalid_request");
    server.post(&format!("/login?{query}"), &form).await.refused(400, "invalid_request");
    server.post("/login?x", &form).await.refused(400, "invalid_request");
    server
        .post(&format!("/token?{query}&client_id=app&grant_type=password"), &[])
        .await
        .refused(400, "invalid_request");
    server.post("/token?client_id=c1", &[("grant_type", "client_credentials")]).await.refused(400, "invalid_request");
    for path in ["/refresh", "/logout", "/token"] {
        let path = format!("{path}?refresh_token={}", bystander.refresh);
        server.post(&path, &[("client_id", P1)]).await.refused(400, "invalid_request");
        server.post_text(&path, "application/json", "{}").await.refused(400, "invalid_request");
    }
    server.assert_lost_nothing(bystander).await;
}

on_both_databases!(
    a_foreign_page_signs_nobody_in,
    a_foreign_page_can_not_use_the_cookie,
    the_cookie_has_its_attributes,
    a_planted_cookie_is_not_taken_over,
    a_malformed_cookie,
    credentials_in_the_address,
);
