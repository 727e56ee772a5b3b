//! One address or network that tries many accounts.

use reqwest::Method;

use super::{far_away, server};
use crate::harness::{Engine, PASSWORD, Settings, TestServer, on_both_databases};

/// One try on each of a thousand accounts, from one network, and from one address that says it is a thousand.
async fn a_list_of_stolen_passwords_is_not_tried_to_its_end(engine: Engine) {
    let server = server(engine, "").await;
    let mut looked_at = 0;
    for n in 0..1_000 {
        let address = format!("192.0.2.{}", n % 254 + 1);
        looked_at += u32::from(server.login_from(&address, &format!("user{n}"), "a guess").await.status == 401);
    }
    assert_eq!(looked_at, 75, "accounts of one network");
    looked_at = 0;
    for n in 0..100 {
        looked_at += u32::from(server.login_from("198.51.100.1", &format!("user{n}"), "a guess").await.status == 401);
    }
    assert_eq!(looked_at, 15, "accounts of one address");
    // Elsewhere nobody notices.
    server.login_from("203.0.113.1", "alice", PASSWORD).await.ok();
    // And there it is over after a while.
    server.clock.advance(600);
    server.login_from("198.51.100.1", "alice", PASSWORD).await.ok();
}

/// Nor with the device token of somebody else, such as the attacker's own.
async fn a_device_of_another_user_is_no_way_around_it(engine: Engine) {
    let server = server(engine, "").await;
    let own = server.bobs_login().await.text_at("device_token");
    let mut looked_at = 0;
    for n in 0..100 {
        let (name, more) = (format!("user{n}"), [("device_token", own.as_str())]);
        let answer = server.login_with("198.51.100.1", &name, "a guess", &more).await;
        looked_at += u32::from(answer.status == 401);
    }
    assert_eq!(looked_at, 15);
}

/// Addresses that a stranger makes up are not believed.
async fn a_thousand_made_up_addresses_are_one(engine: Engine) {
    let settings = Settings::with("[throttle]\nenabled = true\n[http]\ntrusted_proxies = ['10.0.0.0/8']");
    let server = TestServer::start_with(engine, settings).await;
    let mut looked_at = 0;
    for n in 0..100 {
        looked_at += u32::from(server.login_from(&far_away(n), &format!("user{n}"), "a guess").await.status == 401);
    }
    assert_eq!(looked_at, 15);
    // Nor in the other header.
    let form = [("username", "alice"), ("password", PASSWORD)];
    let request = server.request(Method::POST, "/login").header("forwarded", "for=203.0.113.1").form(&form);
    server.send(request).await.throttled();
}

/// Somebody who mistypes their own password over and over, on a device that is known, disturbs nobody behind the same address.
async fn an_office_shares_an_address(engine: Engine) {
    let server = server(engine, "account_failures = 1000\ndevice_failures = 1000").await;
    let office = "192.0.2.1";
    let device = server.login_from(office, "alice", PASSWORD).await.text_at("device_token");
    for _ in 0..60 {
        let answer = server.login_with(office, "alice", "mistyped", &[("device_token", &device)]).await;
        answer.refused(401, "invalid_grant");
    }
    server.login_from(office, "bob", crate::harness::BOBS_PASSWORD).await.ok();
    for _ in 0..30 {
        server.login_from(office, "alice", "a guess").await.refused(401, "invalid_grant");
    }
    server.login_from(office, "bob", crate::harness::BOBS_PASSWORD).await.throttled();
    server.login_on_device(office, &device).await.ok();
}

/// What is refused for the account is no failure of the address: nobody has looked at the password.
async fn an_owner_who_has_to_wait_is_not_refused_for_the_address_too(engine: Engine) {
    let server = server(engine, "").await;
    for n in 0..5 {
        server.login_from(&far_away(n), "alice", "a guess").await.refused(401, "invalid_grant");
    }
    for _ in 0..60 {
        server.login_from("192.0.2.1", "alice", PASSWORD).await.throttled();
    }
    for n in 0..15 {
        server.login_from("192.0.2.1", &format!("user{n}"), "a guess").await.refused(401, "invalid_grant");
    }
}

/// An outage of the database is nobody's failure.
async fn who_is_not_answered_is_not_counted(engine: Engine) {
    let server = server(engine, "").await;
    for gone in ["users", "sign_in_attempts"] {
        server.database.execute(&format!("ALTER TABLE {gone} RENAME TO elsewhere")).await;
        for n in 0..40 {
            let answer = server.login_from("192.0.2.1", &format!("user{n}"), "a guess").await;
            assert!(answer.status >= 500, "{answer:?}");
        }
        server.database.execute(&format!("ALTER TABLE elsewhere RENAME TO {gone}")).await;
    }
    for n in 0..15 {
        server.login_from("192.0.2.1", &format!("user{n}"), "a guess").await.refused(401, "invalid_grant");
    }
}

/// Turned off, nothing is refused: for load tests.
async fn it_can_be_turned_off(engine: Engine) {
    let server = TestServer::start(engine).await;
    for n in 0..100 {
        server.login_from("192.0.2.1", &format!("user{}", n % 3), "a guess").await.refused(401, "invalid_grant");
    }
    server.login().await.ok();
}

on_both_databases!(
    a_list_of_stolen_passwords_is_not_tried_to_its_end,
    a_device_of_another_user_is_no_way_around_it,
    a_thousand_made_up_addresses_are_one,
    an_office_shares_an_address,
    an_owner_who_has_to_wait_is_not_refused_for_the_address_too,
    who_is_not_answered_is_not_counted,
    it_can_be_turned_off,
);
