//! The users of one browser: each is known there, by a cookie of their own.

use super::APP;
use crate::harness::{
    Answer, BOBS_PASSWORD, Browser, Engine, PASSWORD, Settings, TestServer, add_user, on_both_databases,
};

const DEVICE: &str = "__Host-tokend-device";

/// A server that refuses an account's strangers after one failure.
fn settings() -> Settings {
    Settings::with("[throttle]\nenabled = true\naccount_failures = 1")
}

async fn login(server: &TestServer, browser: &mut Browser, user: &str, password: &str) -> Answer {
    let form = [("username", user), ("password", password), ("cookie", "true")];
    browser.post(server, APP, "/login", &form).await
}

/// Strangers guess at both until they are refused; the browser's users aren't.
async fn assert_both_are_known(server: &TestServer, browser: &mut Browser) {
    let mut stranger = Browser::default();
    for (user, password) in [("alice", PASSWORD), ("bob", BOBS_PASSWORD)] {
        login(server, &mut stranger, user, "a guess").await;
        login(server, &mut stranger, user, password).await.refused(429, "temporarily_unavailable");
        login(server, browser, user, password).await.ok();
    }
}

async fn two_users_of_one_browser_are_both_known_there(engine: Engine) {
    let server = TestServer::start_with(engine, settings()).await;
    let mut browser = Browser::default();
    login(&server, &mut browser, "alice", PASSWORD).await.ok();
    login(&server, &mut browser, "bob", BOBS_PASSWORD).await.ok();
    assert_eq!(browser.names(DEVICE).len(), 2);
    assert_both_are_known(&server, &mut browser).await;
    assert_eq!(browser.names(DEVICE).len(), 2);
    // One user's token is nothing to another.
    let mut bobs = Browser::default();
    let name = browser.names(DEVICE)[1].clone();
    bobs.set(&name, browser.get(&name).expect("a cookie"));
    login(&server, &mut bobs, "alice", PASSWORD).await.refused(429, "temporarily_unavailable");
}

async fn two_instances_on_one_host_know_the_browser_both(engine: Engine) {
    let one = TestServer::start_with(engine, settings().with_issuer("https://auth.example.com/one")).await;
    let two = TestServer::start_with(engine, settings().with_issuer("https://auth.example.com/two")).await;
    let mut browser = Browser::default();
    for server in [&one, &two, &one] {
        login(server, &mut browser, "alice", PASSWORD).await.ok();
        login(server, &mut browser, "bob", BOBS_PASSWORD).await.ok();
    }
    for server in [&one, &two] {
        assert_both_are_known(server, &mut browser).await;
    }
}

/// The cookie of 0.1 was one for all users of the host.
async fn the_cookie_that_users_shared_is_read_and_kept_for_its_user(engine: Engine) {
    let server = TestServer::start_with(engine, settings()).await;
    let mut browser = Browser::default();
    let alices = server.login().await.text_at("device_token");
    browser.set(DEVICE, &alices);
    login(&server, &mut browser, "bob", BOBS_PASSWORD).await.ok();
    assert_eq!(browser.get(DEVICE), Some(alices.as_str()), "it is alice's");
    assert_both_are_known(&server, &mut browser).await;
    assert_eq!(browser.names(DEVICE).len(), 3);
    let own: Vec<_> = browser.names(DEVICE).iter().filter_map(|name| browser.get(name).map(str::to_owned)).collect();
    assert_eq!(
        own.iter().filter(|token| Some(token.as_str()) == browser.get(DEVICE)).count(),
        2,
        "both are kept alike"
    );
    // What is no token is nobody's.
    browser.set(DEVICE, "x");
    login(&server, &mut browser, "bob", BOBS_PASSWORD).await.ok();
    assert!(browser.get(DEVICE).is_some_and(|token| token.starts_with("tkd_")), "{browser:?}");
}

async fn a_17th_user_drops_the_oldest_cookie(engine: Engine) {
    let server = TestServer::start(engine).await;
    let mut browser = Browser::default();
    for n in 0..17 {
        let name = format!("user-{n}");
        add_user(&server.app.store, &server.app.hasher, &name, PASSWORD).await;
        server.clock.advance(1);
        let before = browser.names(DEVICE);
        login(&server, &mut browser, &name, PASSWORD).await.ok();
        let after = browser.names(DEVICE);
        if n < 16 {
            assert_eq!((after.len(), &after[..n]), (n + 1, &before[..]));
        } else {
            assert_eq!((after.len(), &after[..15]), (16, &before[1..]));
        }
    }
}

on_both_databases!(
    two_users_of_one_browser_are_both_known_there,
    two_instances_on_one_host_know_the_browser_both,
    the_cookie_that_users_shared_is_read_and_kept_for_its_user,
    a_17th_user_drops_the_oldest_cookie,
);
