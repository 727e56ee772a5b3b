//! What has one possible meaning is read as its sender means it (`docs/input.md`); bodies are in `bad_input`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use tokend::domain::{Client, Grant, Grants};

use crate::harness::{
    Answer, C1, Engine, P1, PASSWORD, RS1, Settings, TestServer, add_user, confidential, on_both_databases,
};

async fn sign_in(server: &TestServer, username: &str, password: &str) -> Answer {
    server.post("/login", &[("username", username), ("password", password)]).await
}

/// What keyboards and clipboards add.
const AROUND: [&str; 13] = [
    " ",
    "\t",
    "\n",
    "\r\n",
    "\u{a0}",
    "\u{3000}",
    "\u{200b}",
    "\u{feff}",
    "\u{2060}",
    "\u{200e}",
    "\u{200f}",
    "\u{202a}\u{202c}",
    "\u{2068}\u{2069}",
];

async fn what_is_around_a_user_name_is_no_part_of_it(engine: Engine) {
    let server = TestServer::start(engine).await;
    for around in AROUND {
        for name in [format!("{around}alice"), format!("Alice{around}"), format!(" {around}alice{around} ")] {
            assert_eq!(sign_in(&server, &name, PASSWORD).await.claims()["sub"], server.alice.to_string(), "{name:?}");
        }
        sign_in(&server, &format!("al{around}ice"), PASSWORD).await.refused(401, "invalid_grant");
    }
    for nobody in AROUND {
        sign_in(&server, nobody, PASSWORD).await.refused(401, "invalid_grant");
    }
    server.login().await.ok();
    assert!(
        server.post_as(crate::harness::ADMIN, "/revoke", &[("username", "\u{200b}Alice ")]).await.ok().json()["revoked"]
            .as_u64() > Some(0)
    );
}

/// Every byte of a password counts.
async fn a_password_is_taken_as_it_is(engine: Engine) {
    let server = TestServer::start(engine).await;
    for around in AROUND {
        for password in [format!("{around}{PASSWORD}"), format!("{PASSWORD}{around}")] {
            sign_in(&server, "alice", &password).await.refused(401, "invalid_grant");
        }
    }
    let padded = " padded with spaces ";
    add_user(&server.app.store, &server.app.hasher, "padded", padded).await;
    sign_in(&server, "padded", padded).await.ok();
    sign_in(&server, "padded", padded.trim()).await.refused(401, "invalid_grant");
}

/// Otherwise each spelling would have guesses of its own.
async fn all_spellings_of_a_name_are_throttled_as_one(engine: Engine) {
    let settings =
        Settings::with("[throttle]\nenabled = true\naddress_failures = '1000/1m'\nnetwork_failures = '1000/1m'");
    let server = TestServer::start_with(engine, settings).await;
    for name in ["alice", " alice", "ALICE\u{a0}", "\u{200b}alice", "alice\u{feff}"] {
        sign_in(&server, name, "a guess").await.refused(401, "invalid_grant");
    }
    sign_in(&server, "alice\u{2060}", "a guess").await.refused(429, "temporarily_unavailable");
    sign_in(&server, "alice", PASSWORD).await.refused(429, "temporarily_unavailable");
}

async fn white_space_around_tokens_and_credentials_is_no_part_of_them(engine: Engine) {
    let server = TestServer::start(engine).await;
    for around in [" ", "\t", "\n", "\r\n", " \r\n "] {
        let pad = |text: &str| format!("{around}{text}{around}");
        let answer = server.login().await;
        let form = [("client_id", pad(RS1.0)), ("client_secret", pad(RS1.1)), ("token", pad(&answer.access_token()))];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        server.post("/introspect", &form).await.active();
        let refreshed =
            server.post("/refresh", &[("refresh_token", &pad(&answer.refresh_token())), ("client_id", &pad(P1))]).await;
        let json = serde_json::json!({ "refresh_token": pad(&refreshed.refresh_token()) }).to_string();
        let refreshed = server.post_text("/refresh", "application/json", json).await.refresh_token();
        let form = [("grant_type", "refresh_token"), ("client_id", P1), ("refresh_token", &pad(&refreshed))];
        let refreshed = server.post("/token", &form).await.refresh_token();
        server.post("/revoke", &[("client_id", P1), ("token", &pad(&refreshed))]).await.ok();
        server.refresh(&refreshed).await.refused(401, "invalid_grant");
        let basic = STANDARD.encode(format!("{}:{}", pad(C1.0), pad(C1.1)));
        by_header(&server, &format!("Basic {basic}")).await.ok();
    }
    let access = server.login().await.access_token();
    for header in [format!("Bearer   {access}"), format!("bearer\t{access}"), format!("Bearer {access} \t")] {
        let request = server.request(Method::GET, "/userinfo").header("authorization", header);
        server.send(request).await.ok();
    }
}

async fn by_header(server: &TestServer, header: &str) -> Answer {
    let form = [("grant_type", "client_credentials"), ("scope", "")];
    server.send(server.request(Method::POST, "/token").header("authorization", header).form(&form)).await
}

/// RFC 6749 §2.3.1 wants both form-urlencoded, and many clients join them as they are.
async fn a_secret_that_was_not_encoded_is_read_where_it_can_mean_one_thing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let grants = Grants::from([Grant::ClientCredentials]);
    let secrets = [
        "plus+slash/equals==and+enough+characters",
        "a%percent%and-a-percent-at-the-end-100%",
        "~!@#$^&*()-=_[]{}|;:',.<>?`-and-more-of-it",
    ];
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for (number, secret) in secrets.into_iter().enumerate() {
        let id = format!("odd+{number}");
        server.add_client(Client { grants: grants.clone(), ..confidential((&id, secret)) }).await;
        for (id, text) in [(&id, secret.to_owned()), (&encode(&id), encode(secret)), (&encode(&id), secret.to_owned())]
        {
            let joined = format!("{id}:{text}");
            let header = |encoded: String| format!("Basic {encoded}");
            by_header(&server, &header(STANDARD.encode(&joined))).await.ok();
            by_header(&server, &header(URL_SAFE_NO_PAD.encode(&joined))).await.ok();
            by_header(&server, &header(STANDARD.encode(&joined).trim_end_matches('=').to_owned())).await.ok();
            by_header(&server, &header(STANDARD.encode(format!("{joined}x")))).await.refused(401, "invalid_client");
        }
        let form = [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", secret)];
        server.post("/token", &form).await.ok();
        let header = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let form = [("grant_type", "client_credentials"), ("client_id", &id)];
        server.send(server.request(Method::POST, "/token").header("authorization", header).form(&form)).await.ok();
    }
    // A plus in a form that was written by hand.
    let form = format!("grant_type=client_credentials&client_id=odd%2B0&client_secret={}", secrets[0]);
    server.post_text("/token", "application/x-www-form-urlencoded", form).await.ok();
    // An escape is one, whatever else is there.
    server.add_client(Client { grants, ..confidential(("escaped", "with%2Fan-escape+and-enough-characters")) }).await;
    let header = format!("Basic {}", STANDARD.encode("escaped:with%2Fan-escape+and-enough-characters"));
    by_header(&server, &header).await.refused(401, "invalid_client");
}

/// One request is one wrong secret, however many ways there are to read it.
async fn a_wrong_secret_is_counted_once(engine: Engine) {
    let settings = Settings::with("[throttle]\nenabled = true\nclient_secrets = '2/1m'");
    let server = TestServer::start_with(engine, settings).await;
    let header = format!("Basic {}", STANDARD.encode("c+1:a+b%2Bc+d"));
    for _ in 0..2 {
        by_header(&server, &header).await.refused(401, "invalid_client");
    }
    by_header(&server, &header).await.refused(429, "temporarily_unavailable");
}

on_both_databases!(
    what_is_around_a_user_name_is_no_part_of_it,
    a_password_is_taken_as_it_is,
    all_spellings_of_a_name_are_throttled_as_one,
    white_space_around_tokens_and_credentials_is_no_part_of_them,
    a_secret_that_was_not_encoded_is_read_where_it_can_mean_one_thing,
    a_wrong_secret_is_counted_once,
);
