//! That a secret is found which is planted: in a text, and by a whole run.

use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::needles::Needles;
use super::search::{Finding, search};
use crate::harness::{Engine, PASSWORD, TestServer, encode};

/// A text that may be where it is.
const ELSEWHERE: &str = "why it was refused";

/// What is found of `secrets` in a text.
fn found(secrets: &[&str], text: &[u8]) -> Vec<Finding> {
    let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    search(&Needles::of(&secrets), text, |needle| needle == ELSEWHERE).expect("it is read")
}

const TOKEN: &str = "tkr_AQGYzX5b0c2Vjq9hTn4LrKpWm3sEoDfUa8iBvHgQyJxN6kZtRw1uP7lM0eCdSA5bXqYhVnOzIjFG";

#[test]
fn a_secret_is_found_in_every_spelling() {
    let password = "pass word/\"höhere\"&+";
    let basic = |id: &str| STANDARD.encode(format!("{id}:{password}"));
    for text in [
        password.to_owned(),
        url::form_urlencoded::byte_serialize(password.as_bytes()).collect(),
        format!("{password:?}"),
        password.bytes().map(|byte| format!("{byte:02x}")).collect(),
        basic("a"),
        basic("c1"),
        basic("abc"),
        encode(password),
    ] {
        let line = format!("TRACE said=[{text}] of it\nanother line\n");
        assert_eq!(found(&[PASSWORD, password], line.as_bytes()).len(), 1, "{line}");
    }
}

#[test]
fn any_part_of_a_token_is_found_that_is_long_enough_to_be_of_use() {
    for begin in 0..TOKEN.len() - 24 {
        let part = &TOKEN[begin..begin + 24];
        assert_eq!(found(&[TOKEN], format!("DEBUG {part}").as_bytes()).len(), 1, "{part}");
    }
    let doubled = format!("x{TOKEN}");
    assert_eq!(found(&[TOKEN], encode(doubled).as_bytes()).len(), 1);
    assert_eq!(
        found(&[TOKEN], TOKEN.bytes().map(|byte| format!("{byte:02X}")).collect::<String>().as_bytes()).len(),
        1
    );
}

#[test]
fn a_password_is_not_found_by_a_word_of_it() {
    assert_eq!(found(&[PASSWORD], b"a battery staple of which a correct horse knows").len(), 0);
}

#[test]
fn what_may_be_there_hides_nothing_beside_it() {
    let line = format!("INFO {ELSEWHERE}: {PASSWORD}");
    assert_eq!(found(&[ELSEWHERE, PASSWORD], line.as_bytes())[0].needle, PASSWORD);
    assert!(found(&[ELSEWHERE], line.as_bytes()).is_empty());
}

#[test]
fn a_secret_is_found_wherever_in_a_long_text_it_is() {
    for before in [0, 1, (1 << 20) - 40, (1 << 20) - 10, 1 << 20, 3 << 20] {
        let text = [vec![b'.'; before], PASSWORD.as_bytes().to_vec(), vec![b'.'; 100]].concat();
        let findings = found(&[PASSWORD, TOKEN], &text);
        assert_eq!(findings.len(), 1, "after {before} bytes");
        assert_eq!(findings[0].needle, PASSWORD);
        assert!(findings[0].line.contains(PASSWORD), "{findings:?}");
    }
}

/// Says that the test below runs the other one.
const PLANTED: &str = "TOKEND_TEST_CANARY_PLANTED";

#[tokio::test]
async fn a_server_that_tells_secrets() {
    if std::env::var_os(PLANTED).is_some() {
        let server = TestServer::start(Engine::Sqlite).await;
        let tokens = server.login().await;
        tracing::trace!(token = tokens.refresh_token(), "planted");
        server.database.execute(&format!("UPDATE users SET email = '{PASSWORD}'")).await;
        tokio::spawn(async move { panic!("{}", tokens.access_token()) }).await.expect_err("it panics");
    }
}

#[test]
fn what_a_server_tells_is_found_by_a_run() {
    let directory = TempDir::new().expect("a temporary directory");
    let run = |variable: &str, test: &str| -> Output {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", test, "--nocapture"]).env_remove("TOKEND_TEST_CANARY").env(PLANTED, "");
        command.env(variable, directory.path()).output().expect("it runs")
    };
    let made = run("TOKEND_TEST_CANARY", "canary::tests::a_server_that_tells_secrets");
    assert!(made.status.success(), "{made:?}");
    let searched = run("TOKEND_TEST_CANARY_SEARCH", "canary::nothing_that_was_noted_is_found");
    let said = String::from_utf8_lossy(&searched.stdout);
    assert!(!searched.status.success(), "{said}");
    for place in ["log", "panics", "databases"] {
        assert!(said.lines().any(|line| line.starts_with("FOUND") && line.contains(&format!("in {place}:"))), "{said}");
    }
    assert!(!said.contains("in answers:") && !said.contains("in metrics:"), "{said}");
}
