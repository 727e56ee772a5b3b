//! Passwords that are wrong, and users who can't have a right one.

use serde_json::json;
use tokend::domain::{Profile, User, UserId};

use crate::harness::{Answer, C1, Engine, P1, PASSWORD, START, TestServer, add_user, on_both_databases};

/// One try on every path that takes a password (90): what they answer has to be the same for every kind of failure.
async fn try_everywhere(server: &TestServer, username: &str, password: &str) -> [Answer; 6] {
    let form = [("grant_type", "password"), ("username", username), ("password", password)];
    let json = json!({ "username": username, "password": password });
    [
        server.post("/login", &form).await,
        server.post("/login", &[&form[..], &[("cookie", "true")]].concat()).await,
        server.post_text("/login", "application/json", json.to_string()).await,
        server.post_as(C1, "/login", &form).await,
        server.post_as(C1, "/token", &form).await,
        server.post("/token", &[&form[..], &[("client_id", P1)]].concat()).await,
    ]
}

impl TestServer {
    async fn add_user_with_hash(&self, name: &str, hash: Option<&str>) {
        let user = User {
            id: UserId::generate(),
            username: name.parse().unwrap(),
            profile: Profile::new(None, serde_json::Map::new()),
            credentials_version: 1,
            created_at: START,
            disabled_at: None,
        };
        self.operator().users().insert(&user, hash).await.unwrap();
    }
}

/// Stored texts that no password may fit, or that would cost too much to try: 94, 97 (model-hotel#552).
const HASHES: [Option<&str>; 18] = [
    None,
    Some(""),
    Some(" "),
    Some("!"),
    Some("*"),
    Some("x"),
    Some("a password that is stored as it stands"),
    Some("$argon2id$"),
    Some("$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA"),
    Some("$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$"),
    Some("$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    Some("$argon2id$v=19$m=64,t=4294967295,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    Some("$argon2id$v=19$m=64,t=1,p=16777215$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    Some("$2b$31$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    Some("$scrypt$ln=30,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    Some("$pbkdf2-sha256$i=4294967295,l=32$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    Some("$1$salt$3cd1qyMPJX9Xw6hRhnPJp1"),
    Some("5ebe2294ecd0e0f08eab7690d2a6ee69"),
];

/// CVE-2026-4633, CVE-2023-44399. One answer, byte for byte, for everything that is no sign-in.
async fn every_failed_sign_in_is_the_same_answer(engine: Engine) {
    let server = TestServer::start(engine).await;
    let add = async |name: &str| add_user(&server.app.store, &server.app.hasher, name, PASSWORD).await;
    let disabled = add("disabled").await;
    server.operator().users().disable(disabled, START).await.unwrap();
    let removed = add("removed").await;
    assert!(server.operator().users().remove(removed).await.unwrap());
    let reference = try_everywhere(&server, "alice", "a wrong password").await;
    for (i, answer) in reference.iter().enumerate() {
        answer.refused(if i < 4 { 401 } else { 400 }, "invalid_grant");
        assert!(answer.header("set-cookie").is_empty() && answer.header("www-authenticate").is_empty(), "{answer:?}");
    }
    let mut tries = vec![
        ("nobody".to_owned(), PASSWORD),
        ("alice".to_owned(), "x"),
        ("alice".to_owned(), "Correct horse battery staple"),
        ("alice".to_owned(), "correct horse battery staple "),
        ("bob".to_owned(), PASSWORD),
        ("disabled".to_owned(), PASSWORD),
        ("disabled".to_owned(), "a wrong password"),
        ("removed".to_owned(), PASSWORD),
        ("alice x".to_owned(), PASSWORD),
        ("al ice".to_owned(), PASSWORD),
        ("al\nice".to_owned(), PASSWORD),
        ("\u{430}lice".to_owned(), PASSWORD),
        ("al\u{200b}ice".to_owned(), PASSWORD),
        ("u".repeat(300), PASSWORD),
        (server.alice.to_string(), PASSWORD),
        ("alice@example.com".to_owned(), PASSWORD),
    ];
    for (i, hash) in HASHES.into_iter().enumerate() {
        let name = format!("user{i}");
        server.add_user_with_hash(&name, hash).await;
        tries.push((name.clone(), PASSWORD));
        tries.push((name, hash.filter(|hash| !hash.trim().is_empty()).unwrap_or("x")));
    }
    for (name, password) in tries {
        for (answer, expected) in try_everywhere(&server, &name, password).await.iter().zip(&reference) {
            assert_eq!(answer.without_the_incidental(), expected.without_the_incidental(), "{name:?} {password:?}");
        }
    }
}

/// Nothing is looked up for a request that can't succeed.
async fn an_empty_password_is_no_attempt(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (i, hash) in HASHES.into_iter().enumerate() {
        server.add_user_with_hash(&format!("user{i}"), hash).await;
    }
    // With the database gone it is the same answer, so that nobody was asked.
    for gone in [false, true] {
        if gone {
            server.app.store.close().await;
        }
        for name in ["alice", "nobody", "user0", "user1"] {
            for answer in try_everywhere(&server, name, "").await {
                answer.refused(400, "invalid_request");
            }
            for answer in try_everywhere(&server, name, &"p".repeat(1_025)).await {
                answer.refused(400, "invalid_request");
            }
        }
        for answer in try_everywhere(&server, "", PASSWORD).await {
            answer.refused(400, "invalid_request");
        }
    }
}

/// CVE-2020-7689, GitLab#220580. Every byte counts, also past where other hashes stop to look.
async fn a_long_password_is_not_cut(engine: Engine) {
    let server = TestServer::start(engine).await;
    for length in [8, 55, 56, 71, 72, 73, 128, 255, 256, 257, 1_024] {
        let (name, password) = (format!("user{length}"), format!("{}!", "p".repeat(length - 1)));
        add_user(&server.app.store, &server.app.hasher, &name, &password).await;
        for answer in try_everywhere(&server, &name, &password).await {
            answer.ok();
        }
        let wrong = format!("{}?", &password[..length - 1]);
        for wrong in [&wrong, &password[..length - 1], &password[1..]] {
            for answer in try_everywhere(&server, &name, wrong).await {
                assert_eq!(answer.text_at("error"), "invalid_grant", "{length}");
            }
        }
    }
}

/// Two spellings of one name are one user, and one that merely looks like it is nobody.
async fn a_name_is_one_user(engine: Engine) {
    let server = TestServer::start(engine).await;
    for name in ["ALICE", "Alice", "\u{ff41}lice"] {
        for answer in try_everywhere(&server, name, PASSWORD).await {
            answer.ok();
        }
    }
}

on_both_databases!(
    every_failed_sign_in_is_the_same_answer,
    an_empty_password_is_no_attempt,
    a_long_password_is_not_cut,
    a_name_is_one_user,
);
