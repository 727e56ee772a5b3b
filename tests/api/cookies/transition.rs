//! Nodes of version 0.1 and of this one by turns, on one database and one browser. Those of 0.1 know one cookie, which all
//! clients share: they read it, set it and clear it.

use tokend::domain::Client;

use super::APP;
use crate::harness::{
    Answer, BOBS_PASSWORD, Browser, Engine, P1, PASSWORD, SHARED_COOKIE, STRICT, Settings, TestServer,
    on_both_databases, public,
};

const OWN: &str = "__Host-tokend-refresh-";

const LOGIN: [(&str, &str); 3] = [("username", "alice"), ("password", PASSWORD), ("cookie", "true")];

/// A node of 0.1, as the browser sees it: what it does with the token of its cookie is what this one does with a body's.
struct Old<'a>(&'a TestServer);

impl Old<'_> {
    async fn login(&self, browser: &mut Browser, client: &str) -> Answer {
        let answer = self.0.login_on(client).await;
        browser.set(SHARED_COOKIE, &answer.refresh_token());
        answer
    }

    async fn refresh(&self, browser: &mut Browser) -> Answer {
        let token = browser.get(SHARED_COOKIE).expect("the shared cookie").to_owned();
        let answer = self.0.refresh(&token).await;
        browser.set(SHARED_COOKIE, &answer.refresh_token());
        answer
    }

    async fn logout(&self, browser: &mut Browser) {
        let token = browser.get(SHARED_COOKIE).expect("the shared cookie").to_owned();
        self.0.post("/logout", &[("refresh_token", &token)]).await.no_content();
        browser.remove(SHARED_COOKIE);
    }
}

async fn refresh(server: &TestServer, browser: &mut Browser, form: &[(&str, &str)]) -> Answer {
    browser.post(server, APP, "/refresh", form).await
}

/// Ten refreshes, each more than W after the one before.
async fn nobody_is_signed_out_while_both_releases_run(engine: Engine) {
    let server = TestServer::start(engine).await;
    let old = Old(&server);
    for form in [&[][..], &[("client_id", P1)]] {
        for turns in ["ononononon", "nononononon", "oonoonoonoon", "nnonnonnon", "onnoonnoonn"] {
            let mut browser = Browser::default();
            let session = old.login(&mut browser, P1).await.claims()["sid"].clone();
            for node in turns.chars() {
                server.clock.advance(60);
                let answer = match node {
                    'o' => old.refresh(&mut browser).await,
                    _ => refresh(&server, &mut browser, form).await,
                };
                assert_eq!(answer.claims()["sid"], session, "{turns}");
                assert_eq!(answer.header("refresh-verdict"), "rotate", "{turns}");
                if node == 'n' {
                    let own = browser.get(&browser.names(OWN)[0]).map(str::to_owned);
                    assert_eq!(own.as_deref(), browser.get(SHARED_COOKIE), "both are kept alike");
                }
            }
        }
    }
}

async fn signing_out_and_in_works_on_nodes_of_both_releases(engine: Engine) {
    let server = TestServer::start(engine).await;
    let old = Old(&server);
    for form in [&[][..], &[("client_id", P1)]] {
        let mut browser = Browser::default();
        old.login(&mut browser, P1).await;
        refresh(&server, &mut browser, form).await.ok();
        // Out and in again on a node of 0.1: the own cookie is of the session before.
        old.logout(&mut browser).await;
        refresh(&server, &mut browser, form).await.refused(401, "invalid_grant");
        let second = old.login(&mut browser, P1).await;
        assert_eq!(refresh(&server, &mut browser, form).await.claims()["sid"], second.claims()["sid"]);
        server.clock.advance(60);
        assert_eq!(old.refresh(&mut browser).await.claims()["sid"], second.claims()["sid"]);
        // In again without out, on either: the last sign-in counts.
        let third = browser.post(&server, APP, "/login", &LOGIN).await;
        server.clock.advance(60);
        assert_eq!(old.refresh(&mut browser).await.claims()["sid"], third.claims()["sid"]);
        let fourth = old.login(&mut browser, P1).await;
        assert_eq!(refresh(&server, &mut browser, form).await.claims()["sid"], fourth.claims()["sid"]);
        // Out on this one: both cookies go, and a node of 0.1 takes the next sign-in.
        browser.post(&server, APP, "/logout", form).await.no_content();
        server.introspect(&fourth.access_token()).await.inactive();
        assert_eq!(browser.names(SHARED_COOKIE), Vec::<String>::new());
        old.login(&mut browser, P1).await;
        refresh(&server, &mut browser, form).await.ok();
    }
}

/// Both sessions of the client in this browser end, of whichever node they are.
async fn a_sign_out_ends_what_both_cookies_hold(engine: Engine) {
    let server = TestServer::start(engine).await;
    let old = Old(&server);
    let mut browser = Browser::default();
    let first = old.login(&mut browser, P1).await;
    refresh(&server, &mut browser, &[]).await.ok();
    let second = old.login(&mut browser, P1).await;
    browser.post(&server, APP, "/logout", &[]).await.no_content();
    for login in [&first, &second] {
        server.introspect(&login.access_token()).await.inactive();
    }
    assert_eq!(browser.names(SHARED_COOKIE), Vec::<String>::new());
}

async fn the_shared_cookie_is_left_to_the_client_whose_session_it_holds(engine: Engine) {
    let server = TestServer::start(engine).await;
    let old = Old(&server);
    let mut browser = Browser::default();
    let strict = old.login(&mut browser, STRICT).await;
    // It isn't believed for another.
    let app = [("client_id", P1)];
    refresh(&server, &mut browser, &app).await.refused(401, "invalid_grant");
    browser.post(&server, APP, "/logout", &app).await.no_content();
    // Nor is it taken over by a sign-in, a refresh or a sign-out of another.
    browser.post(&server, APP, "/login", &LOGIN).await.ok();
    server.clock.advance(60);
    refresh(&server, &mut browser, &app).await.ok();
    assert_eq!(browser.get(SHARED_COOKIE), Some(strict.refresh_token().as_str()));
    refresh(&server, &mut browser, &[]).await.refused(400, "invalid_request");
    browser.post(&server, APP, "/logout", &app).await.no_content();
    assert_eq!(browser.names(SHARED_COOKIE), [SHARED_COOKIE]);
    let answer = refresh(&server, &mut browser, &[("client_id", STRICT)]).await;
    assert_eq!(answer.claims()["sid"], strict.claims()["sid"]);
    // A session that has ended is nobody's: the next sign-in takes the cookie.
    old.logout(&mut browser).await;
    browser.set(SHARED_COOKIE, &strict.refresh_token());
    let next = browser.post(&server, APP, "/login", &LOGIN).await;
    assert_eq!(browser.get(SHARED_COOKIE), Some(next.refresh_token_in_cookie().as_str()));
}

/// Without a `client_id` the session says whose it is, and the page has to be one of that client's.
async fn the_shared_cookie_is_believed_from_a_page_of_its_client_only(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.add_client(Client { allowed_origins: vec!["https://shop.example.com".to_owned()], ..public("shop") }).await;
    let mut browser = Browser::default();
    let login = Old(&server).login(&mut browser, "shop").await;
    refresh(&server, &mut browser, &[]).await.refused(401, "invalid_grant");
    browser.post(&server, APP, "/logout", &[]).await.no_content();
    refresh(&server, &mut browser, &[("client_id", "shop")]).await.refused(403, "invalid_request");
    server.introspect(&login.access_token()).await.active();
    assert_eq!(browser.names(SHARED_COOKIE), [SHARED_COOKIE]);
    let answer = browser.post(&server, "https://shop.example.com", "/refresh", &[]).await;
    assert_eq!(answer.claims()["sid"], login.claims()["sid"]);
}

/// Where it wasn't sent, it isn't made.
async fn a_new_browser_gets_no_shared_cookie(engine: Engine) {
    let server = TestServer::start(engine).await;
    let mut browser = Browser::default();
    browser.post(&server, APP, "/login", &LOGIN).await.ok();
    refresh(&server, &mut browser, &[]).await.ok();
    let names = browser.names(SHARED_COOKIE);
    assert!(names.len() == 1 && names[0].starts_with(OWN), "{names:?}");
}

/// An instance of 0.1 on the same host, of another issuer and with other secrets.
async fn another_instances_shared_cookie_is_left_alone(engine: Engine) {
    let server = TestServer::start(engine).await;
    let other = TestServer::start_with(engine, Settings::default().with_issuer("https://auth.example.com/b")).await;
    let mut browser = Browser::default();
    let theirs = Old(&other).login(&mut browser, P1).await.refresh_token();
    refresh(&server, &mut browser, &[]).await.refused(401, "invalid_grant");
    browser.post(&server, APP, "/login", &LOGIN).await.ok();
    refresh(&server, &mut browser, &[]).await.ok();
    browser.post(&server, APP, "/logout", &[]).await.no_content();
    browser.post(&server, APP, "/logout", &[]).await.no_content();
    assert_eq!((browser.names(OWN).len(), browser.get(SHARED_COOKIE)), (0, Some(theirs.as_str())));
    Old(&other).refresh(&mut browser).await.ok();
}

/// What a thief copied is no better in this cookie than in a body.
async fn reuse_is_noticed_in_the_shared_cookie(engine: Engine) {
    let server = TestServer::start(engine).await;
    for form in [&[][..], &[("client_id", P1)]] {
        let mut victim = Browser::default();
        let login = Old(&server).login(&mut victim, P1).await;
        let mut thief = victim.clone();
        for _ in 0..2 {
            server.clock.advance(60);
            refresh(&server, &mut victim, form).await.ok();
        }
        refresh(&server, &mut thief, form).await.refused(401, "invalid_grant");
        refresh(&server, &mut victim, form).await.refused(401, "invalid_grant");
        server.introspect(&login.access_token()).await.inactive();
    }
}

/// Two users: the one who signed in last is signed in, and nobody gets the tokens of the other.
async fn the_last_sign_in_on_either_release_is_who_is_signed_in(engine: Engine) {
    let server = TestServer::start(engine).await;
    let mut browser = Browser::default();
    let bobs = [("username", "bob"), ("password", BOBS_PASSWORD), ("cookie", "true")];
    browser.post(&server, APP, "/login", &bobs).await.ok();
    server.clock.advance(1);
    let alices = Old(&server).login(&mut browser, P1).await;
    for _ in 0..2 {
        assert_eq!(refresh(&server, &mut browser, &[]).await.claims()["sub"], alices.claims()["sub"]);
    }
}

on_both_databases!(
    nobody_is_signed_out_while_both_releases_run,
    signing_out_and_in_works_on_nodes_of_both_releases,
    a_sign_out_ends_what_both_cookies_hold,
    the_shared_cookie_is_left_to_the_client_whose_session_it_holds,
    the_shared_cookie_is_believed_from_a_page_of_its_client_only,
    a_new_browser_gets_no_shared_cookie,
    another_instances_shared_cookie_is_left_alone,
    reuse_is_noticed_in_the_shared_cookie,
    the_last_sign_in_on_either_release_is_who_is_signed_in,
);
