//! A browser where nobody is signed in: that is no mistake of its page.

use reqwest::Method;

use super::{APP, ISSUER};
use crate::harness::{Answer, Browser, Engine, P1, PASSWORD, SHARED_COOKIE, TestServer, on_both_databases};

const TOKEN: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("client_id", P1)];

/// All that a page asks where nobody is signed in, and the answers.
async fn ask(server: &TestServer, origin: Option<&str>, cookie: Option<&str>, more: &[(&str, &str)]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (path, form) in [
        ("/refresh", &[][..]),
        ("/refresh", &TOKEN[1..]),
        ("/token", &TOKEN[..]),
        ("/logout", &[]),
        ("/logout", &TOKEN[1..]),
    ] {
        let mut request = server.request(Method::POST, path).form(&[form, more].concat());
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        answers.push(server.send(request).await);
    }
    answers
}

#[track_caller]
fn assert_signed_out(answers: &[Answer], what: &str) {
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [401, 401, 400, 204, 204], "{what}: {answers:?}");
    for answer in &answers[..3] {
        assert_eq!(answer.json()["error"], "invalid_grant", "{what}: {answer:?}");
    }
}

async fn a_page_without_a_cookie_is_told_that_nobody_is_signed_in(engine: Engine) {
    let server = TestServer::start(engine).await;
    let own = "__Host-tokend-refresh-VtZQqsUzJGYqtSmB=";
    for origin in [APP, ISSUER] {
        for cookie in [None, Some(own), Some("__Host-tokend-refresh="), Some("other=x")] {
            for more in [&[][..], &[("cookie", "true")], &[("refresh_token", "")]] {
                assert_signed_out(&ask(&server, Some(origin), cookie, more).await, &format!("{cookie:?} {more:?}"));
            }
        }
    }
    assert_signed_out(&ask(&server, None, None, &[("cookie", "true")]).await, "no page, but cookie mode");
    let empty = server.request(Method::POST, "/logout").header("origin", APP);
    server.send(empty).await.no_content();
    let json =
        server.request(Method::POST, "/refresh").header("origin", APP).json(&serde_json::json!({"cookie": true}));
    server.send(json).await.refused(401, "invalid_grant");
}

async fn a_page_with_a_dead_cookie_is_told_so_and_a_sign_out_clears_it(engine: Engine) {
    let server = TestServer::start(engine).await;
    let mut browser = Browser::default();
    let form = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
    let login = browser.post(&server, APP, "/login", &form).await;
    let name = browser.names("__Host-tokend-refresh-").remove(0);
    server.post("/logout", &[("refresh_token", &login.refresh_token_in_cookie())]).await.no_content();
    for dead in [login.refresh_token_in_cookie(), "unknown".to_owned()] {
        for name in [name.as_str(), SHARED_COOKIE] {
            let cookie = format!("{name}={dead}");
            let answers = ask(&server, Some(APP), Some(&cookie), &[]).await;
            assert_signed_out(&answers, &cookie);
            for answer in &answers[3..] {
                let cleared: Vec<_> = answer.set_cookies().into_iter().filter(|cookie| cookie.name == name).collect();
                assert!(matches!(cleared.as_slice(), [cookie] if cookie.max_age == 0), "{cookie}: {answer:?}");
            }
        }
    }
    // After its time it is expired.
    browser.post(&server, APP, "/login", &form).await.ok();
    server.clock.advance(400 * 86_400);
    assert_signed_out(&ask(&server, Some(APP), Some(&browser.header()), &[]).await, "expired");
}

async fn a_foreign_page_and_an_app_that_forgot_its_token_are_told_so(engine: Engine) {
    let server = TestServer::start(engine).await;
    for origin in ["https://evil.example", "null", ""] {
        for more in [&[][..], &[("cookie", "true")]] {
            for answer in ask(&server, Some(origin), None, more).await {
                answer.refused(403, "invalid_request");
            }
        }
    }
    for answer in ask(&server, None, None, &[]).await {
        answer.refused(400, "invalid_request");
    }
    for answer in ask(&server, None, Some("other=x"), &[("cookie", "false")]).await {
        answer.refused(400, "invalid_request");
    }
}

/// The browser drops the `SameSite=Strict` cookie of a page of another site and tells nobody.
async fn cookie_mode_on_a_page_of_another_site_is_refused_and_says_why(engine: Engine) {
    let server = TestServer::start(engine).await;
    let login = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
    let forms = [("/login", &login[..]), ("/refresh", &login[2..]), ("/logout", &login[2..])];
    for (path, form) in forms {
        let request = |site| server.request(Method::POST, path).header("origin", APP).header("sec-fetch-site", site);
        let answer = server.send(request("cross-site").form(form)).await;
        let description = answer.refused(403, "invalid_request").text_at("error_description");
        assert!(description.contains("site") && answer.header("set-cookie").is_empty(), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), APP, "its developer can read it");
        for site in ["same-site", "same-origin"] {
            assert_ne!(server.send(request(site).form(form)).await.status, 403, "{path} {site}");
        }
    }
}

on_both_databases!(
    a_page_without_a_cookie_is_told_that_nobody_is_signed_in,
    a_page_with_a_dead_cookie_is_told_so_and_a_sign_out_clears_it,
    a_foreign_page_and_an_app_that_forgot_its_token_are_told_so,
    cookie_mode_on_a_page_of_another_site_is_refused_and_says_why,
);
