//! `tokend key`.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokend::clock::Clock;

use super::rig::{Rig, SECRET};
use crate::harness::{Database, Engine, on_both_databases};

/// Which state each key is in.
fn states(rig: &Rig) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let listed = rig.run(&["key", "list", "--json"]).json();
    listed.as_array().unwrap().iter().map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

/// The key that signed a token.
fn signer(access_token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(access_token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

/// The key that a rotation made.
fn made(rig: &Rig, arguments: &[&str]) -> String {
    let said = rig.run(&[&["key", "rotate"], arguments].concat()).stdout;
    said.split(' ').nth(1).unwrap().to_owned()
}

async fn a_new_key_is_published_at_once_and_signs_later(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let now = Clock::System.now();
    let new = made(&rig, &[]);
    assert_eq!(rig.jwks_kids().await, [rig.kid.clone(), new.clone()]);
    assert_eq!(signer(&rig.alice().await.access_token()), rig.kid);
    assert_eq!((states(&rig)[&rig.kid].as_str(), states(&rig)[&new].as_str()), ("signing", "pending"));
    let listed = rig.run(&["key", "list", "--json"]).json();
    let key = &listed[1];
    assert_eq!((&key["kid"], &key["algorithm"]), (&new.as_str().into(), &"ES256".into()));
    assert!((now + 3600..now + 3700).contains(&key["signs_from"].as_i64().unwrap()));
    assert!((now..now + 100).contains(&key["created_at"].as_i64().unwrap()));
    assert_eq!(key.as_object().unwrap().len(), 5, "and nothing of the key itself: {key}");
    let later = rig.program.run(&["key", "list"]).stdout;
    assert!(later.starts_with("KID ") && later.contains("pending"), "{later}");
}

async fn a_new_key_signs_as_soon_as_every_node_knows_it_when_it_must(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let old = rig.alice().await;
    let new = made(&rig, &["--now", "--algorithm", "EdDSA"]);
    let listed = rig.run(&["key", "list", "--json"]).json();
    assert_eq!((&listed[1]["kid"], &listed[1]["algorithm"]), (&new.as_str().into(), &"EdDSA".into()));
    let moment = |name: &str| listed[1][name].as_i64().unwrap();
    assert_eq!(moment("signs_from") - moment("created_at"), tokend::app::LEASE);
    rig.later(60);
    let fresh = rig.alice().await;
    assert_eq!(signer(&fresh.access_token()), new);
    rig.assert_alive(&old).await;
    rig.assert_alive(&fresh).await;
    let outcome = rig.run(&["key", "rotate", "--algorithm", "RS256"]);
    assert!(outcome.stderr.contains("tokens.signing_algorithm is ES256"), "{outcome:?}");
    rig.program.run(&["key", "rotate", "--algorithm", "HS256"]).misused("ES256, EdDSA, RS256");
}

async fn a_key_that_signs_stays_and_others_can_go(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let old = rig.alice().await;
    rig.program.run(&["key", "remove", &rig.kid, "--yes"]).refused("run `tokend key rotate` first");
    let new = rig.succeed_key().await;
    assert_eq!((states(&rig)[&rig.kid].as_str(), states(&rig)[&new].as_str()), ("retiring", "signing"));
    rig.assert_alive(&old).await;
    rig.program.run(&["key", "remove", &new, "--yes"]).refused("run `tokend key rotate` first");
    rig.run(&["key", "remove", "--yes", "--", &rig.kid]).said(&format!("key {} was removed", rig.kid));
    rig.userinfo(&old.access_token()).await.refused(401, "invalid_token");
    rig.refresh(&old.refresh_token()).await.ok();
    rig.program.run(&["key", "remove", &rig.kid, "--yes"]).refused("there is no key");
    rig.program.run(&["key", "remove", "-starts-with-a-hyphen", "--yes"]).refused("there is no key -starts");
}

/// What was done already is not asked for again.
async fn a_key_that_has_a_successor_can_go_when_that_one_signs(engine: Engine) {
    let rig = Rig::new(engine).await;
    let (late, soon) = (made(&rig, &[]), made(&rig, &["--now"]));
    let from = {
        let listed = rig.run(&["key", "list", "--json"]).json();
        let key = listed.as_array().unwrap().iter().find(|key| key["kid"] == soon.as_str()).unwrap();
        humantime::format_rfc3339_seconds(
            std::time::UNIX_EPOCH + Duration::from_secs(key["signs_from"].as_u64().unwrap()),
        )
        .to_string()
    };
    assert_eq!((states(&rig)[&late].as_str(), states(&rig)[&soon].as_str()), ("replaced", "pending"));
    let outcome = rig.program.run(&["key", "remove", &rig.kid, "--yes"]);
    outcome.refused(&format!("key {soon} signs from {from} on: try again then"));
    assert!(!outcome.stderr.contains("rotate") && !outcome.stderr.contains(&late), "{outcome:?}");
}

async fn a_rotation_names_the_pending_key_that_it_replaces(engine: Engine) {
    let rig = Rig::new(engine).await;
    let first = made(&rig, &[]);
    let outcome = rig.run(&["key", "rotate"]);
    let second = outcome.stdout.split(' ').nth(1).unwrap();
    let note = format!("tokend: note: key {first} had not signed yet, and never will: key {second} takes its place\n");
    assert_eq!(outcome.stderr, note);
    rig.run(&["key", "remove", "--yes", "--", &first]).said(&format!("key {first} was removed"));
}

/// It is stored as one that has always signed, so that no node's clock is too slow for it.
async fn the_first_key_signs_from_the_moment_it_was_made(engine: Engine) {
    let database = Database::new(engine).await;
    let program = super::rig::program_on(&database);
    program.run(&["key", "rotate"]).ok();
    let key = &program.run(&["key", "list", "--json"]).json()[0];
    assert_eq!((&key["signs_from"], &key["state"]), (&key["created_at"], &"signing".into()));
    assert!(!program.run(&["key", "list"]).stdout.contains("1970"));
}

async fn a_rotation_moves_every_key_to_the_first_master_secret(engine: Engine) {
    let rig = Rig::new(engine).await;
    let new = "another-master-secret-which-is-long-enough";
    let program = super::rig::program_on(&rig.database).set("TOKEND_SECRET", new);
    program.run(&["key", "rotate"]).refused("the master secret does not open signing key");
    let program = program.set("TOKEND_SECRET", &format!("{new} {SECRET}"));
    program.run(&["key", "list"]).ok();
    program.run(&["key", "rotate"]).ok();
    let program = program.set("TOKEND_SECRET", new);
    assert_eq!(program.run(&["key", "list", "--json"]).json().as_array().unwrap().len(), 2);
}

on_both_databases!(
    a_key_that_has_a_successor_can_go_when_that_one_signs,
    a_new_key_is_published_at_once_and_signs_later,
    a_new_key_signs_as_soon_as_every_node_knows_it_when_it_must,
    a_key_that_signs_stays_and_others_can_go,
    a_rotation_moves_every_key_to_the_first_master_secret,
    a_rotation_names_the_pending_key_that_it_replaces,
    the_first_key_signs_from_the_moment_it_was_made,
);
