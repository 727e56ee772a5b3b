//! A browser holds 16 cookies of a kind at most: the head of a request has to stay small.

use super::APP;
use crate::harness::{Browser, Engine, PASSWORD, TestServer, on_both_databases, public};

const REFRESH: &str = "__Host-tokend-refresh-";

async fn server_with_clients(engine: Engine, clients: usize) -> TestServer {
    let server = TestServer::start(engine).await;
    for n in 0..clients {
        server.operator().clients().insert(&public(&format!("client-{n}"))).await.expect("a client is added");
    }
    server.app.registry.refresh().await.expect("the registry is read");
    server
}

async fn login(server: &TestServer, browser: &mut Browser, n: usize) {
    server.clock.advance(1);
    let client = format!("client-{n}");
    let form = [("username", "alice"), ("password", PASSWORD), ("client_id", &client), ("cookie", "true")];
    browser.post(server, APP, "/login", &form).await.ok();
}

async fn a_17th_client_drops_the_oldest_cookie(engine: Engine) {
    let (server, mut browser) = (server_with_clients(engine, 18).await, Browser::default());
    for n in 0..16 {
        login(&server, &mut browser, n).await;
        assert_eq!(browser.names(REFRESH).len(), n + 1);
    }
    let names = browser.names(REFRESH);
    // Refreshed, the first is the newest.
    server.clock.advance(60);
    browser.post(&server, APP, "/refresh", &[("client_id", "client-0")]).await.ok();
    assert_eq!(browser.names(REFRESH), names, "the sixteen have room");
    login(&server, &mut browser, 16).await;
    let kept = browser.names(REFRESH);
    assert!(kept.len() == 16 && kept.contains(&names[0]) && !kept.contains(&names[1]), "{kept:?}");
    browser.post(&server, APP, "/refresh", &[("client_id", "client-1")]).await.refused(401, "invalid_grant");
    browser.post(&server, APP, "/refresh", &[("client_id", "client-16")]).await.ok();
}

async fn a_cookie_that_is_not_ours_to_read_counts_as_the_oldest(engine: Engine) {
    let (server, mut browser) = (server_with_clients(engine, 17).await, Browser::default());
    for n in 0..15 {
        login(&server, &mut browser, n).await;
    }
    let foreign = format!("{REFRESH}AAAAAAAAAAAAAAAA");
    browser.set(&foreign, "another instance's");
    let own = browser.names(REFRESH)[0].clone();
    login(&server, &mut browser, 15).await;
    assert!(browser.get(&foreign).is_none() && browser.get(&own).is_some(), "{browser:?}");
    assert_eq!(browser.names(REFRESH).len(), 16);
}

on_both_databases!(a_17th_client_drops_the_oldest_cookie, a_cookie_that_is_not_ours_to_read_counts_as_the_oldest);
