//! Cookie mode: a browser app's refresh token is out of reach of its scripts, and of other sites' pages.

mod clients;
mod crowded;
mod devices;
mod signed_out;
mod transition;

use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};

use crate::harness::{Answer, C1, Engine, P1, PASSWORD, Settings, TestServer, on_both_databases};

const APP: &str = "https://app.example.com";
const ISSUER: &str = "https://auth.example.com";

/// The one `Set-Cookie`, as its name, its value and its attributes.
#[track_caller]
fn set_cookie(answer: &Answer) -> (String, String, Vec<String>) {
    let mut parts = answer.refresh_cookie().split("; ").map(str::to_owned);
    let (name, value) =
        parts.next().and_then(|pair| Some(pair.split_once('=')?).map(|(a, b)| (a.to_owned(), b.to_owned()))).unwrap();
    let mut attributes: Vec<String> = parts.collect();
    attributes.sort();
    (name, value, attributes)
}

fn page(server: &TestServer, path: &str, origin: &str) -> RequestBuilder {
    server.request(Method::POST, path).header("origin", origin)
}

/// Alice signs in on a page of the app. The cookie as a browser sends it back.
async fn login(server: &TestServer) -> (String, Answer) {
    let form = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
    let answer = server.send(page(server, "/login", APP).form(&form)).await;
    let (name, value, _) = set_cookie(answer.ok());
    (format!("{name}={value}"), answer)
}

/// What a cookie holds.
fn token_in(cookie: &str) -> &str {
    cookie.split_once('=').unwrap().1
}

async fn the_refresh_token_is_in_the_cookie_and_nowhere_else(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (cookie, answer) = login(&server).await;
    let (name, value, attributes) = set_cookie(&answer);
    assert!(name.starts_with("__Host-") && value.starts_with("tkr_"));
    assert_eq!(attributes, ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Strict", "Secure"]);
    assert_eq!(answer.json().get("refresh_token"), None);
    assert!(!answer.text.contains(token_in(&cookie)));
    server.get_with("/userinfo", &answer.access_token()).await.ok();
    let json = format!(r#"{{"username":"alice","password":"{PASSWORD}","cookie":true}}"#);
    set_cookie(&server.post_text("/login", "application/json", json).await);
}

async fn the_cookie_is_exchanged_for_a_new_one_at_both_endpoints(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (mut cookie, _) = login(&server).await;
    for (path, form) in [
        ("/refresh", vec![]),
        ("/refresh", vec![("client_id", P1)]),
        ("/token", vec![("grant_type", "refresh_token"), ("client_id", P1)]),
    ] {
        for origin in [APP, ISSUER] {
            let before = cookie.clone();
            let request = page(&server, path, origin).header("cookie", format!("a=b; {before}; c=d")).form(&form);
            let answer = server.send(request).await;
            assert_eq!((answer.ok().json().get("refresh_token"), answer.header("refresh-verdict")), (None, "rotate"));
            let (name, value, attributes) = set_cookie(&answer);
            assert_eq!(attributes, ["HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Strict", "Secure"]);
            cookie = format!("{name}={value}");
            assert_ne!(cookie, before);
            server.clock.advance(3);
            let retry = server.send(page(&server, path, origin).header("cookie", before).form(&form)).await;
            assert_eq!((retry.header("refresh-verdict"), set_cookie(&retry).1), ("replay", value));
            assert!(retry.refresh_cookie().contains("Max-Age=2591997;"), "as long as the session: {retry:?}");
            server.clock.advance(60);
        }
    }
    let empty = server.send(page(&server, "/refresh", APP).header("cookie", cookie)).await;
    assert_eq!(empty.ok().header("refresh-verdict"), "rotate", "no body and no content type");
}

async fn the_cookie_is_believed_from_the_apps_own_pages_only(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (cookie, answer) = login(&server).await;
    let form = [("grant_type", "refresh_token"), ("client_id", P1)];
    for path in ["/refresh", "/token", "/logout"] {
        for origin in ["https://evil.example", "null", "http://app.example.com", "https://app.example.com:8443", ""] {
            let request = page(&server, path, origin).header("cookie", &cookie).form(&form);
            let refused = server.send(request).await;
            assert_eq!(refused.refused(403, "invalid_request").header("set-cookie"), "");
        }
        let without = server.request(Method::POST, path).header("cookie", &cookie).form(&form);
        server.send(without).await.refused(403, "invalid_request");
    }
    server.introspect(&answer.access_token()).await.active();
    let request = page(&server, "/refresh", APP).header("cookie", &cookie);
    assert_eq!(server.send(request).await.ok().header("refresh-verdict"), "rotate");
}

async fn a_sign_out_forgets_the_cookie(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (cookie, answer) = login(&server).await;
    for _ in 0..2 {
        let request = page(&server, "/logout", APP).header("cookie", &cookie);
        let left = server.send(request).await;
        let (_, value, attributes) = set_cookie(left.no_content());
        assert_eq!(value, "");
        assert_eq!(attributes, ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Strict", "Secure"]);
    }
    server.assert_dead(&answer.access_token(), &[token_in(&cookie)]).await;
    let (cookie, answer) = login(&server).await;
    let elsewhere = server.login().await;
    let request = page(&server, "/logout", APP).header("cookie", &cookie).form(&[("all", "true")]);
    server.send(request).await.no_content();
    server.assert_dead(&answer.access_token(), &[token_in(&cookie)]).await;
    server.assert_dead(&elsewhere.access_token(), &[&elsewhere.refresh_token()]).await;
}

async fn a_sign_out_by_access_token_takes_the_cookie_along(engine: Engine) {
    let server = TestServer::start(engine).await;
    for expired in [false, true] {
        let (cookie, answer) = login(&server).await;
        server.clock.advance(if expired { 900 } else { 0 });
        let logout =
            |origin| page(&server, "/logout", origin).header("cookie", &cookie).bearer_auth(answer.access_token());
        server.send(logout("https://evil.example")).await.refused(403, "invalid_request");
        assert_eq!(set_cookie(server.send(logout(APP)).await.no_content()).1, "");
        server.assert_dead(&answer.access_token(), &[token_in(&cookie)]).await;
    }
}

/// A page may have signed in twice, and kept the access token of the first time.
async fn a_sign_out_by_access_token_ends_the_cookies_session_too(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (gone, all) in [(false, "false"), (true, "false"), (false, "true"), (true, "true")] {
        let (cookie, alices) = login(&server).await;
        let (bobs, elsewhere) = (server.bobs_login().await, server.bobs_login().await);
        if gone {
            for answer in [&bobs, &elsewhere] {
                server.post("/logout", &[("refresh_token", &answer.refresh_token())]).await.no_content();
            }
        }
        let logout = |origin| {
            let request = page(&server, "/logout", origin).header("cookie", &cookie).bearer_auth(bobs.access_token());
            request.form(&[("all", all)])
        };
        server.send(logout("https://evil.example")).await.refused(403, "invalid_request");
        server.introspect(&alices.access_token()).await.active();
        assert_eq!(set_cookie(server.send(logout(APP)).await.no_content()).1, "");
        server.assert_dead(&alices.access_token(), &[token_in(&cookie)]).await;
        server.assert_dead(&bobs.access_token(), &[&bobs.refresh_token()]).await;
        let ended = gone || all == "true";
        assert_eq!(server.introspect(&elsewhere.access_token()).await.json()["active"], !ended);
    }
}

async fn all_by_access_token_and_cookie_is_done_only_if_no_session_of_either_user_is_left(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (cookie, _) = login(&server).await;
    let (alices, bobs) = (server.login().await, server.bobs_login().await);
    server.send(page(&server, "/logout", APP).header("cookie", &cookie)).await.no_content();
    let logout = page(&server, "/logout", APP).header("cookie", &cookie).bearer_auth(bobs.access_token());
    let answer = server.send(logout.form(&[("all", "true")])).await;
    assert_eq!(answer.refused(401, "invalid_grant").header("set-cookie"), "");
    server.introspect(&alices.access_token()).await.active();
    server.assert_dead(&bobs.access_token(), &[&bobs.refresh_token()]).await;
}

async fn a_cookie_whose_session_is_left_is_not_forgotten(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
    let alices = server.send(page(&server, "/login", APP).basic_auth(C1.0, Some(C1.1)).form(&form)).await;
    let (name, value, _) = set_cookie(alices.ok());
    let logout =
        |token: String| page(&server, "/logout", APP).header("cookie", format!("{name}={value}")).bearer_auth(token);
    let answer = server.send(logout("expired".to_owned())).await;
    assert_eq!(answer.refused(401, "invalid_client").header("set-cookie"), "");
    // Another client's sign-out is nothing to it.
    let answer = server.send(logout(server.bobs_login().await.access_token())).await;
    assert_eq!(answer.no_content().header("set-cookie"), "");
    server.introspect(&alices.access_token()).await.active();
    // An access token of the very session does without the client's secret.
    assert_eq!(set_cookie(server.send(logout(alices.access_token())).await.no_content()).1, "");
    server.introspect(&alices.access_token()).await.inactive();
}

/// Browsers send what pages set: any bytes; and HTTP/2 splits the cookies into lines of their own (RFC 9113 §8.2.3).
async fn other_cookies_hide_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (cookie, _) = login(&server).await;
    let own = cookie.as_bytes();
    for lines in [
        vec![["name=J\u{fc}rg; ".as_bytes(), own].concat()],
        vec![[own, b"; name=\xff\xfe; x=y"].concat()],
        vec!["name=J\u{fc}rg".into(), own.to_vec(), b"x=y".to_vec()],
        vec![b"x=y".to_vec(), [b"\xff;\t", own].concat()],
    ] {
        let request = lines.iter().fold(page(&server, "/refresh", APP), |request, line| {
            request.header("cookie", HeaderValue::from_bytes(line).unwrap())
        });
        let answer = server.send(request).await;
        assert_eq!(answer.status, 200, "{:?}: {answer:?}", String::from_utf8_lossy(&lines.concat()));
    }
    let (name, _) = cookie.split_once('=').unwrap();
    let garbage = HeaderValue::from_bytes(&[name.as_bytes(), b"=\xff"].concat()).unwrap();
    let first = page(&server, "/refresh", APP).header("cookie", garbage).header("cookie", &cookie);
    server.send(first).await.refused(401, "invalid_grant");
}

async fn the_body_goes_before_the_cookie_and_what_came_in_the_body_goes_back_there(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (cookie, _) = login(&server).await;
    let other = server.login().await;
    let request = server.request(Method::POST, "/refresh").header("cookie", &cookie);
    let answer = server.send(request.form(&[("refresh_token", other.refresh_token())])).await;
    assert_eq!((&answer.claims()["sid"], answer.header("set-cookie")), (&other.claims()["sid"], ""));
    assert!(answer.refresh_token().starts_with("tkr_"));
}

async fn a_cookie_keeps_no_longer_than_its_session(engine: Engine) {
    let settings = "[sessions]\nidle_lifetime = '1h'\nabsolute_lifetime = '90m'";
    let server = TestServer::start_with(engine, Settings::with(settings)).await;
    let (cookie, answer) = login(&server).await;
    assert!(answer.refresh_cookie().contains("Max-Age=3600;"), "{answer:?}");
    server.clock.advance(50 * 60);
    let answer = server.send(page(&server, "/refresh", APP).header("cookie", &cookie)).await;
    assert!(answer.ok().refresh_cookie().contains("Max-Age=2400;"), "{answer:?}");

    let server = TestServer::start_with(engine, Settings::with("[sessions]\nidle_lifetime = '0s'")).await;
    let (_, answer) = login(&server).await;
    assert!(answer.refresh_cookie().contains("Max-Age=34560000;"), "400 days is what browsers allow: {answer:?}");
}

async fn other_sites_pages_sign_nobody_in(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("username", "alice"), ("password", PASSWORD)];
    for cookie in ["true", "false"] {
        let form = [form[0], form[1], ("cookie", cookie)];
        for (name, value) in
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site"), ("origin", "")]
        {
            let answer = server.send(server.request(Method::POST, "/login").header(name, value).form(&form)).await;
            assert_eq!(answer.refused(403, "invalid_request").header("set-cookie"), "");
        }
        for origin in [APP, ISSUER] {
            let request = page(&server, "/login", origin).header("sec-fetch-site", "cross-site").form(&form);
            let answer = server.send(request).await;
            // The browser would drop the cookie and say nothing.
            if cookie == "true" {
                answer.refused(403, "invalid_request")
            } else {
                answer.ok()
            };
        }
        for site in ["same-origin", "same-site", "none"] {
            let request = server.request(Method::POST, "/login").header("sec-fetch-site", site).form(&form);
            server.send(request).await.ok();
        }
    }
}

async fn without_configured_origins_only_the_issuers_own_pages_count(engine: Engine) {
    let settings = Settings::with("issuer = 'https://auth.example.com/path'\n[http]\nallowed_origins = []");
    let server = TestServer::start_with(engine, settings).await;
    let form = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
    server.send(page(&server, "/login", APP).form(&form)).await.refused(403, "invalid_request");
    let answer = server.send(page(&server, "/login", ISSUER).form(&form)).await;
    let (name, value, attributes) = set_cookie(answer.ok());
    assert!(attributes.contains(&"Path=/".to_owned()), "or the browser won't have it");
    let request = page(&server, "/refresh", ISSUER).header("cookie", format!("{name}={value}"));
    server.send(request).await.ok();
}

async fn a_confidential_clients_cookie_needs_its_secret_too(engine: Engine) {
    let server = TestServer::start(engine).await;
    let form = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
    let answer = server.send(page(&server, "/login", APP).basic_auth(C1.0, Some(C1.1)).form(&form)).await;
    let (name, value, _) = set_cookie(answer.ok());
    let cookie = format!("{name}={value}");
    server.send(page(&server, "/refresh", APP).header("cookie", &cookie)).await.refused(401, "invalid_grant");
    let with_secret = page(&server, "/refresh", APP).header("cookie", &cookie).basic_auth(C1.0, Some(C1.1));
    assert_eq!(server.send(with_secret).await.ok().header("refresh-verdict"), "rotate");
}

on_both_databases!(
    the_refresh_token_is_in_the_cookie_and_nowhere_else,
    the_cookie_is_exchanged_for_a_new_one_at_both_endpoints,
    the_cookie_is_believed_from_the_apps_own_pages_only,
    a_sign_out_forgets_the_cookie,
    a_sign_out_by_access_token_takes_the_cookie_along,
    a_sign_out_by_access_token_ends_the_cookies_session_too,
    all_by_access_token_and_cookie_is_done_only_if_no_session_of_either_user_is_left,
    a_cookie_whose_session_is_left_is_not_forgotten,
    other_cookies_hide_nothing,
    the_body_goes_before_the_cookie_and_what_came_in_the_body_goes_back_there,
    a_cookie_keeps_no_longer_than_its_session,
    other_sites_pages_sign_nobody_in,
    without_configured_origins_only_the_issuers_own_pages_count,
    a_confidential_clients_cookie_needs_its_secret_too,
);
