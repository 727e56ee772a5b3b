//! Several apps, users and instances in one browser: each client has a cookie of its own, and a page speaks for its own
//! clients only.

use tokend::domain::Client;

use super::{APP, ISSUER};
use crate::harness::{
    Answer, BOBS_PASSWORD, Browser, C1, Engine, P1, PASSWORD, STRICT, Settings, TestServer, on_both_databases, public,
};

const SHOP: &str = "https://shop.example.com";
const BANK: &str = "https://bank.example.com";
const REFRESH: &str = "__Host-tokend-refresh";

/// A server with the clients `shop` and `bank`, each with an origin of its own.
async fn server(engine: Engine) -> TestServer {
    let server = TestServer::start(engine).await;
    for (id, origin) in [("shop", SHOP), ("bank", BANK)] {
        server.add_client(Client { allowed_origins: vec![origin.to_owned()], ..public(id) }).await;
    }
    server
}

/// Signs in on a page of `origin`; alice, unless the client is the bank.
async fn login(server: &TestServer, browser: &mut Browser, origin: &str, client: &str) -> Answer {
    let (user, password) = if client == "bank" { ("bob", BOBS_PASSWORD) } else { ("alice", PASSWORD) };
    let form = [("username", user), ("password", password), ("client_id", client), ("cookie", "true")];
    let answer = browser.post(server, origin, "/login", &form).await;
    answer.ok();
    answer
}

#[track_caller]
fn assert_is_for(answer: &Answer, client: &str, login: &Answer) {
    let claims = answer.claims();
    assert_eq!((&claims["client_id"], &claims["sid"]), (&client.into(), &login.claims()["sid"]), "{answer:?}");
    assert!(answer.json().get("refresh_token").is_none());
}

async fn two_apps_in_one_browser_have_a_cookie_each(engine: Engine) {
    let (server, mut browser) = (server(engine).await, Browser::default());
    let shop = login(&server, &mut browser, SHOP, "shop").await;
    let bank = login(&server, &mut browser, BANK, "bank").await;
    assert_eq!(browser.names(REFRESH).len(), 2);
    for (origin, client, login) in [(SHOP, "shop", &shop), (BANK, "bank", &bank)] {
        for form in [&[][..], &[("client_id", client)]] {
            server.clock.advance(60);
            let answer = browser.post(&server, origin, "/refresh", form).await;
            assert_is_for(&answer, client, login);
        }
        let form = [("grant_type", "refresh_token"), ("client_id", client)];
        assert_is_for(&browser.post(&server, origin, "/token", &form).await, client, login);
    }
    browser.post(&server, SHOP, "/logout", &[("all", "true")]).await.no_content();
    server.introspect(&shop.access_token()).await.inactive();
    server.introspect(&bank.access_token()).await.active();
    browser.post(&server, SHOP, "/refresh", &[]).await.refused(401, "invalid_grant");
    assert_is_for(&browser.post(&server, BANK, "/refresh", &[]).await, "bank", &bank);
}

async fn a_page_that_may_speak_for_several_clients_has_to_name_one(engine: Engine) {
    let (server, mut browser) = (server(engine).await, Browser::default());
    let app = login(&server, &mut browser, APP, P1).await;
    assert_is_for(&browser.post(&server, APP, "/refresh", &[]).await, P1, &app);
    let strict = login(&server, &mut browser, APP, STRICT).await;
    for path in ["/refresh", "/logout"] {
        let answer = browser.post(&server, APP, path, &[]).await;
        assert!(answer.refused(400, "invalid_request").text.contains("client_id"), "{answer:?}");
    }
    for (client, login) in [(P1, &app), (STRICT, &strict)] {
        assert_is_for(&browser.post(&server, APP, "/refresh", &[("client_id", client)]).await, client, login);
    }
    browser.post(&server, APP, "/logout", &[("client_id", STRICT)]).await.no_content();
    assert_is_for(&browser.post(&server, APP, "/refresh", &[]).await, P1, &app);
    server.introspect(&strict.access_token()).await.inactive();
}

async fn signed_in_at_both(server: &TestServer) -> Browser {
    let mut browser = Browser::default();
    login(server, &mut browser, SHOP, "shop").await;
    login(server, &mut browser, APP, P1).await;
    browser
}

/// Each origin for each client at each endpoint, with its cookie and without.
async fn a_page_speaks_for_its_own_clients_only(engine: Engine) {
    let server = server(engine).await;
    for (origin, client, may) in [
        (SHOP, "shop", true),
        (APP, "shop", false),
        (ISSUER, "shop", false),
        (BANK, "shop", false),
        (APP, P1, true),
        (ISSUER, P1, true),
        (SHOP, P1, false),
        ("https://evil.example", P1, false),
    ] {
        let token = [("grant_type", "refresh_token"), ("client_id", client)];
        let login = [("client_id", client), ("username", "alice"), ("password", PASSWORD), ("cookie", "true")];
        for (path, form, signed_in, signed_out) in [
            ("/refresh", &token[1..], 200, 401),
            ("/token", &token[..], 200, 400),
            ("/logout", &token[1..], 204, 204),
            ("/login", &login[..3], 200, 200),
            ("/login", &login[..], 200, 200),
        ] {
            for (mut browser, status) in
                [(signed_in_at_both(&server).await, signed_in), (Browser::default(), signed_out)]
            {
                let answer = browser.post(&server, origin, path, form).await;
                if may {
                    assert_eq!(answer.status, status, "{origin} {client} {path}: {answer:?}");
                } else {
                    assert_eq!(answer.refused(403, "invalid_request").header("set-cookie"), "", "{origin} {client}");
                }
            }
        }
    }
}

/// A page that names no client doesn't see that others have cookies there.
async fn a_page_does_not_see_other_pages_clients(engine: Engine) {
    let server = server(engine).await;
    let mut browser = signed_in_at_both(&server).await;
    browser.post(&server, BANK, "/refresh", &[]).await.refused(401, "invalid_grant");
    browser.post(&server, BANK, "/logout", &[]).await.no_content();
    assert_eq!(browser.names(REFRESH).len(), 2);
    for origin in [SHOP, APP] {
        browser.post(&server, origin, "/refresh", &[]).await.ok();
    }
}

/// The registry says which, at each request.
async fn what_a_client_lists_holds_at_once(engine: Engine) {
    let (server, mut browser) = (server(engine).await, Browser::default());
    login(&server, &mut browser, SHOP, "shop").await;
    server.change_client("shop", |client| client.allowed_origins = vec![BANK.to_owned()]).await;
    browser.post(&server, SHOP, "/refresh", &[]).await.refused(403, "invalid_request");
    browser.post(&server, BANK, "/refresh", &[]).await.ok();
    server.change_client("shop", |client| client.allowed_origins.clear()).await;
    browser.post(&server, BANK, "/refresh", &[]).await.refused(401, "invalid_grant");
    browser.post(&server, APP, "/refresh", &[]).await.ok();
}

/// A sign-out by access token: with the cookie of the same client, and no other's.
async fn a_sign_out_by_access_token_takes_no_other_clients_cookie_along(engine: Engine) {
    let server = server(engine).await;
    let logout =
        |access: &str| server.request(reqwest::Method::POST, "/logout").header("origin", APP).bearer_auth(access);
    for own_cookie in [true, false] {
        let mut browser = Browser::default();
        let app = login(&server, &mut browser, APP, P1).await;
        if !own_cookie {
            browser = Browser::default();
        }
        let strict = login(&server, &mut browser, APP, STRICT).await;
        browser.send(&server, logout(&app.access_token())).await.no_content();
        server.introspect(&app.access_token()).await.inactive();
        server.introspect(&strict.access_token()).await.active();
        assert_eq!(browser.names(REFRESH).len(), 1);
        // What doesn't say whose it is leaves only one to be meant.
        browser.send(&server, logout("expired")).await.no_content();
        server.introspect(&strict.access_token()).await.inactive();
    }
}

/// Two instances on one host, as behind one proxy: the browser sends each the other's cookies too.
async fn two_instances_on_one_host_leave_each_other_alone(engine: Engine) {
    let one = TestServer::start_with(engine, Settings::default().with_issuer("https://auth.example.com/one")).await;
    let two = TestServer::start_with(engine, Settings::default().with_issuer("https://auth.example.com/two")).await;
    let mut browser = Browser::default();
    let on_one = login(&one, &mut browser, APP, P1).await;
    let on_two = login(&two, &mut browser, APP, P1).await;
    for _ in 0..2 {
        assert_is_for(&browser.post(&one, APP, "/refresh", &[]).await, P1, &on_one);
        assert_is_for(&browser.post(&two, APP, "/refresh", &[]).await, P1, &on_two);
    }
    browser.post(&one, APP, "/logout", &[("all", "true")]).await.no_content();
    browser.post(&one, APP, "/refresh", &[]).await.refused(401, "invalid_grant");
    assert_is_for(&browser.post(&two, APP, "/refresh", &[]).await, P1, &on_two);
}

/// What is found in a client's cookie is another's: pages and programs of the host may have put it there.
async fn another_clients_token_in_a_clients_cookie_is_no_good(engine: Engine) {
    let (server, mut browser) = (server(engine).await, Browser::default());
    login(&server, &mut browser, SHOP, "shop").await;
    let name = browser.names(REFRESH).remove(0);
    let bystander = server.bystander().await;
    let confidential = server.bystander_on(C1).await;
    for token in [&bystander.refresh, &confidential.refresh] {
        browser.set(&name, token);
        for form in [&[][..], &[("client_id", "shop")]] {
            browser.post(&server, SHOP, "/refresh", form).await.refused(401, "invalid_grant");
            browser.clone().post(&server, SHOP, "/logout", form).await.no_content();
        }
    }
    server.assert_lost_nothing(bystander).await;
    server.assert_lost_nothing(confidential).await;
}

on_both_databases!(
    two_apps_in_one_browser_have_a_cookie_each,
    a_page_that_may_speak_for_several_clients_has_to_name_one,
    a_page_speaks_for_its_own_clients_only,
    a_page_does_not_see_other_pages_clients,
    what_a_client_lists_holds_at_once,
    a_sign_out_by_access_token_takes_no_other_clients_cookie_along,
    two_instances_on_one_host_leave_each_other_alone,
    another_clients_token_in_a_clients_cookie_is_no_good,
);
