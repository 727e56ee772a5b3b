//! Devices on which a user has signed in before: nobody can lock the user out of them.

use reqwest::Method;

use super::{far_away, server};
use crate::harness::{BOBS_PASSWORD, C1, Engine, PASSWORD, Settings, TestServer, on_both_databases};

/// GHSA-cq42-vhv7-xr7p, CVE-2026-19607. A thousand addresses guess at alice, who signs in all the while.
async fn a_stranger_locks_nobody_out_of_their_own_device(engine: Engine) {
    let server = server(engine, "").await;
    let mut device = server.login_from("203.0.113.1", "alice", PASSWORD).await.text_at("device_token");
    for n in 0..1_000 {
        server.login_from(&far_away(n), "alice", "a guess").await;
        if n % 100 == 0 {
            let login = server.login_on_device("203.0.113.1", &device).await;
            device = login.ok().text_at("device_token");
        }
    }
    // On a device that is new she has to wait, and elsewhere she hasn't.
    server.login_from("203.0.113.1", "alice", PASSWORD).await.throttled();
    server.login_on_device("198.51.100.77", &device).await.ok();
}

/// The known device is no way to guess either.
async fn a_known_device_has_few_guesses_of_its_own(engine: Engine) {
    let server = server(engine, "").await;
    let device = server.login().await.text_at("device_token");
    let (other, bobs) =
        (server.login().await.text_at("device_token"), server.bobs_login().await.text_at("device_token"));
    let guess = async || server.login_with("192.0.2.1", "alice", "a guess", &[("device_token", &device)]).await;
    for _ in 0..10 {
        guess().await.refused(401, "invalid_grant");
    }
    assert_eq!(guess().await.throttled(), 1);
    server.login_on_device("192.0.2.1", &device).await.throttled();
    // Other devices have theirs, and what succeeds on them is nothing to this one.
    server.login_from("192.0.2.1", "alice", PASSWORD).await.ok();
    server.login_on_device("192.0.2.1", &other).await.ok();
    server.login_with("192.0.2.1", "bob", BOBS_PASSWORD, &[("device_token", &bobs)]).await.ok();
    server.login_on_device("192.0.2.1", &device).await.throttled();
    // A success begins anew, for this device only.
    server.clock.advance(1);
    server.login_on_device("192.0.2.1", &device).await.ok();
    for _ in 0..10 {
        guess().await.refused(401, "invalid_grant");
    }
    guess().await.throttled();
}

/// A success on one device tells nothing of those who guess elsewhere.
async fn a_success_resets_no_other_counter(engine: Engine) {
    let server = server(engine, "").await;
    let device = server.login().await.text_at("device_token");
    for n in 0..5 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    server.login_on_device("192.0.2.1", &device).await.ok();
    server.login_from(&far_away(6), "alice", "a guess").await.throttled();
}

/// Nor does one on a device that is new: an attacker can wait for the owner to sign in.
async fn a_success_on_a_new_device_forgives_nobody_else(engine: Engine) {
    let server = server(engine, "").await;
    for n in 0..4 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    server.login_from("192.0.2.1", "alice", PASSWORD).await.ok();
    server.login_from(&far_away(4), "alice", "a guess").await.refused(401, "invalid_grant");
    server.login_from(&far_away(5), "alice", "a guess").await.throttled();
}

async fn a_device_token_is_its_users_own_and_expires(engine: Engine) {
    let server = server(engine, "account_failures = 1\ndevice_lifetime = '10d'").await;
    let device = server.login().await.text_at("device_token");
    let bobs = server.bobs_login().await.text_at("device_token");
    server.login_from("192.0.2.1", "alice", "a guess").await.refused(401, "invalid_grant");
    let mut altered = device.clone().into_bytes();
    altered[20] ^= 1;
    let altered = String::from_utf8(altered).unwrap();
    for token in [&bobs, &altered, "", "tkd_", &"x".repeat(2_000), &format!("{device}=")] {
        server.login_on_device("192.0.2.1", token).await.throttled();
    }
    server.login_on_device("192.0.2.1", &device).await.ok();
    server.clock.advance(10 * 86_400 - 1);
    server.login_from("192.0.2.1", "alice", "a guess").await.refused(401, "invalid_grant");
    let renewed = server.login_on_device("192.0.2.1", &device).await.ok().text_at("device_token");
    server.clock.advance(1);
    server.login_from("192.0.2.1", "alice", "a guess").await.refused(401, "invalid_grant");
    server.login_on_device("192.0.2.1", &device).await.throttled();
    server.login_on_device("192.0.2.1", &renewed).await.ok();
}

async fn devices_can_be_forgotten(engine: Engine) {
    let server = server(engine, "account_failures = 1").await;
    let device = server.login().await.text_at("device_token");
    server.operator().users().forget_devices(server.alice, server.clock.now()).await.unwrap();
    server.login_from("192.0.2.1", "alice", "a guess").await.refused(401, "invalid_grant");
    server.login_on_device("192.0.2.1", &device).await.throttled();
    server.clock.advance(1);
    let again = server.login_from("192.0.2.1", "alice", PASSWORD).await.text_at("device_token");
    server.clock.advance(900);
    server.login_from("192.0.2.1", "alice", "a guess").await.refused(401, "invalid_grant");
    server.login_on_device("192.0.2.1", &again).await.ok();
}

/// A device token is nothing but that: no endpoint takes it for a token.
async fn a_device_token_gives_no_access(engine: Engine) {
    let server = server(engine, "").await;
    let device = server.login().await.text_at("device_token");
    server.get_with("/userinfo", &device).await.refused(401, "invalid_token");
    server.refresh(&device).await.refused(401, "invalid_grant");
    server.introspect(&device).await.inactive();
    server.login_on_device("192.0.2.1", &device).await.ok();
    server.login_with("192.0.2.1", "alice", "wrong", &[("device_token", &device)]).await.refused(401, "invalid_grant");
}

/// `/token` gives one as well, and a refresh doesn't.
async fn every_sign_in_with_a_password_makes_a_device_known(engine: Engine) {
    let server = server(engine, "account_failures = 1").await;
    let tokens = server.login_as(C1).await;
    let device = tokens.text_at("device_token");
    server.login_from("192.0.2.1", "alice", "a guess").await.refused(401, "invalid_grant");
    server.login_as(C1).await.throttled();
    let form =
        [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("device_token", device.as_str())];
    server.post_as(C1, "/token", &form).await.ok();
    let refreshed = server.exchange_as(C1, &tokens.refresh_token()).await;
    assert!(refreshed.ok().json().get("device_token").is_none(), "{refreshed:?}");
}

/// In cookie mode the browser keeps it, out of reach of the page's scripts and of other sites' pages.
async fn a_browser_is_a_device(engine: Engine) {
    let server = server(engine, "account_failures = 1").await;
    let login = |origin: &'static str, cookie: &str, password: &str| {
        let form = [("username", "alice"), ("password", password), ("cookie", "true")];
        let request = server.request(Method::POST, "/login").header("origin", origin).form(&form);
        server.send(if cookie.is_empty() { request } else { request.header("cookie", cookie) })
    };
    let own = "https://app.example.com";
    let answer = login(own, "", PASSWORD).await;
    assert!(answer.ok().json().get("device_token").is_none(), "{answer:?}");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    let cookie = cookies
        .iter()
        .find(|line| line.starts_with("__Host-tokend-device-") && line.contains("=tkd_"))
        .expect("a device cookie");
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Max-Age=15552000"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let kept = cookie.split(';').next().unwrap();
    login(own, "", "a guess").await.refused(401, "invalid_grant");
    login(own, "", PASSWORD).await.throttled();
    login(own, kept, PASSWORD).await.ok();
    // Another site's page doesn't get the browser to show it.
    let form = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD), ("client_id", "app")];
    let foreign = server.request(Method::POST, "/token").header("origin", "https://evil.example.com").form(&form);
    server.send(foreign.header("cookie", kept)).await.throttled();
    // A logout ends the session, and the device stays known.
    let both = login(own, kept, PASSWORD).await;
    let refresh = both.refresh_cookie();
    let request = server.request(Method::POST, "/logout").header("origin", own);
    let request = request.header("cookie", format!("{}; {kept}", refresh.split(';').next().unwrap()));
    let cleared = server.send(request).await;
    assert_eq!((cleared.status, cleared.headers.get_all("set-cookie").iter().count()), (204, 1));
    login(own, kept, PASSWORD).await.ok();
}

/// The master secret makes the tokens: with another one they are strangers', and an older one is still believed.
async fn device_tokens_follow_the_master_secret(engine: Engine) {
    let server = server(engine, "account_failures = 1").await;
    let device = server.login().await.text_at("device_token");
    let settings = super::settings("account_failures = 1");
    let rotated =
        settings.with_secret("another-master-secret-of-the-tests-01, a-master-secret-of-the-tests-long-enough");
    let node = server.another_node_with(&rotated).await;
    let node = server.at(&node);
    node.login_from("192.0.2.1", "alice", "a guess").await.refused(401, "invalid_grant");
    node.login_on_device("192.0.2.1", &device).await.ok();
}

/// Turned off, the devices are known all the same, for when it is turned on.
async fn a_device_is_known_without_throttling(engine: Engine) {
    let server = TestServer::start(engine).await;
    let device = server.login().await.text_at("device_token");
    let node = server.another_node_with(&Settings::with("[throttle]\nenabled = true\naccount_failures = 1")).await;
    let node = server.at(&node);
    node.login_from("192.0.2.1", "alice", "a guess").await.refused(401, "invalid_grant");
    node.login_on_device("192.0.2.1", &device).await.ok();
}

on_both_databases!(
    a_stranger_locks_nobody_out_of_their_own_device,
    a_known_device_has_few_guesses_of_its_own,
    a_success_resets_no_other_counter,
    a_success_on_a_new_device_forgives_nobody_else,
    a_device_token_is_its_users_own_and_expires,
    devices_can_be_forgotten,
    a_device_token_gives_no_access,
    every_sign_in_with_a_password_makes_a_device_known,
    a_browser_is_a_device,
    device_tokens_follow_the_master_secret,
    a_device_is_known_without_throttling,
);
