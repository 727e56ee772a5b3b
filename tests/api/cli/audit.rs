//! `tokend audit` and `tokend explain`: what the command line does is told too, and by whom.

use rustix::process::getuid;
use serde_json::Value;

use super::rig::{PASSWORD, Rig, SECRET, program_on};
use crate::harness::{Engine, Outcome, Program, on_both_databases};

pub(super) fn listed(rig: &Rig, more: &[&str]) -> Vec<Value> {
    rig.run(&[&["audit", "list", "--json"], more].concat()).json().as_array().unwrap().clone()
}

#[track_caller]
pub(super) fn prints(outcome: &Outcome, text: &str) {
    assert!(outcome.ok().stdout.contains(text), "{outcome:?}");
}

/// Sorted: within a second the events of different processes are in no order.
pub(super) fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds
}

/// Every command that changes something is told, as its operator's; none that only shows.
async fn every_change_at_the_command_line_is_told(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.alice().await;
    let client = ["client", "add", "api", "--name", "API", "--confidential", "--grant", "client_credentials"];
    for command in [
        &client[..],
        &["client", "update", "api", "--name", "The API"],
        &["client", "secret", "api"],
        &["client", "disable", "api", "--yes"],
        &["client", "remove", "api", "--yes"],
        &["user", "update", "alice", "--email", "alice@example.com"],
        &["user", "forget-devices", "alice"],
        &["user", "disable", "alice", "--yes"],
        &["user", "enable", "alice"],
        &["key", "rotate"],
        &["recovery", "open", "--for", "1m"],
        &["recovery", "close"],
    ] {
        let before = listed(&rig, &[]).len();
        rig.run(command);
        assert_eq!(listed(&rig, &[]).len(), before + 1, "{command:?}");
    }
    rig.program.run_with(&["user", "password", "alice", "--password-stdin"], PASSWORD).ok();
    rig.alice().await;
    rig.run(&["session", "revoke", "--user", "alice", "--yes"]);
    rig.run(&["user", "remove", "alice", "--yes"]);
    for command in [&["user", "list"][..], &["client", "list"], &["session", "list"], &["key", "list"], &["check"]] {
        rig.run(command);
    }
    let events = listed(&rig, &[]);
    assert_eq!(
        kinds(&events),
        [
            "client.added",
            "client.added",
            "client.changed",
            "client.changed",
            "client.changed",
            "client.removed",
            "key.added",
            "recovery.closed",
            "recovery.opened",
            "sessions.revoked",
            "sign_in.ok",
            "sign_in.ok",
            "user.added",
            "user.changed",
            "user.devices_forgotten",
            "user.disabled",
            "user.enabled",
            "user.password_set",
            "user.removed",
        ]
    );
    let changes = events.iter().filter(|event| event["kind"] == "client.changed");
    let mut reasons: Vec<_> = changes.map(|event| event["reason"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["disabled", "registration", "secret"]);
    // Who was removed is still found: by the name that is told, and the id.
    let removed = events.iter().find(|event| event["kind"] == "user.removed").unwrap();
    assert_eq!(removed["target"], "alice");
    rig.program.run(&["audit", "list", "--user", "alice"]).refused("there is no user alice");
    let of_alice = listed(&rig, &["--user", removed["user_id"].as_str().unwrap()]);
    assert!(of_alice.len() > 8 && of_alice.iter().all(|event| event["user_id"] == removed["user_id"]), "{of_alice:?}");
    let operator = format!("operator:{}", getuid().as_raw());
    for event in events.iter().filter(|event| event["kind"] != "sign_in.ok") {
        assert_eq!(event["actor"], operator.as_str(), "{event}");
    }
    prints(&rig.run(&["audit", "verify"]), "19 events in");
    // For people: which key it was, and a number of sessions only where some ended.
    let added = events.iter().find(|event| event["kind"] == "key.added").unwrap()["target"].as_str().unwrap();
    let table = rig.run(&["audit", "list"]).stdout;
    let cells = |kind: &str| table.lines().find(|line| line.contains(kind)).unwrap().split_whitespace().skip(2);
    assert!(cells("key.added").any(|cell| cell == added), "{table}");
    assert_eq!((cells("user.disabled").next(), cells("client.changed").next()), (Some("1"), Some("-")), "{table}");
}

async fn events_are_listed_by_user_session_and_time(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let first = rig.alice().await;
    rig.alice().await;
    rig.login("nobody", "a guess").await;
    let sid = first.claims()["sid"].as_str().unwrap().to_owned();
    assert_eq!(kinds(&listed(&rig, &["--session", &sid])), ["sign_in.ok"]);
    assert_eq!(kinds(&listed(&rig, &["--user", "alice"])), ["sign_in.ok", "sign_in.ok", "user.added"]);
    assert_eq!(listed(&rig, &["--user", "alice", "--limit", "1"]).len(), 1);
    let all = listed(&rig, &[]).len();
    assert_eq!(listed(&rig, &["--since", "1h"]).len(), all);
    rig.database.execute("UPDATE audit_events SET at = at - 7200 WHERE kind = 'user.added'").await;
    assert_eq!((listed(&rig, &["--since", "1h"]).len(), listed(&rig, &["--since", "3h"]).len()), (all - 1, all));
    prints(&rig.run(&["audit", "list", "--limit", "2"]), "there are more");
    prints(&rig.run(&["audit", "list"]), "sign_in.failed");
    rig.program.run(&["audit", "list", "--user", "nobody"]).refused("there is no user nobody");
    rig.program.run(&["audit", "list", "--since", "soon"]).misused("--since");
}

async fn an_altered_trail_is_reported_with_the_place(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.alice().await;
    prints(&rig.run(&["audit", "verify"]), "nothing was changed, left out or cut off");
    rig.database.execute("UPDATE audit_events SET actor = 'somebody else' WHERE kind = 'user.added'").await;
    let outcome = rig.program.run(&["audit", "verify"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("event 1 was changed"), "{outcome:?}");
    assert!(outcome.stderr.contains("the audit trail is not as it was written"), "{outcome:?}");
}

/// The steps of docs/backup.md: what an older secret sealed is verified when that one is gone.
async fn a_trail_outlives_the_master_secret_that_sealed_it(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let new = "the-master-secret-that-comes-after-it";
    let with =
        |secrets: &str| program_on(&rig.database).set("TOKEND_SECRET", secrets).set("TOKEND_LISTEN", "127.0.0.1:0");
    for secrets in [SECRET, &format!("{SECRET} {new}"), &format!("{new} {SECRET}"), new] {
        let program = with(secrets);
        let server = program.start(&[]);
        server.wait_for_log("listening");
        assert!(server.stop().0.success());
        program.run(&["user", "add", &format!("user{}", secrets.len()), "--no-password"]);
        prints(program.run(&["audit", "verify"]).ok(), "nothing was changed, left out or cut off");
    }
    rig.database.execute("DELETE FROM audit_keys").await;
    let outcome = with(new).run(&["audit", "verify"]);
    assert_eq!(outcome.code, Some(1), "what it verifies by is needed: {outcome:?}");
}

async fn a_token_is_explained_without_being_seen_by_others(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let tokens = rig.alice().await;
    let explained = rig.program.run_with(&["explain", "-"], &format!("{}\n", tokens.refresh_token()));
    let shown = explained.ok().stdout.clone();
    assert!(shown.contains("it would be exchanged for the next one") && shown.contains("sign_in.ok"), "{shown}");
    rig.run(&["user", "disable", "alice", "--yes"]);
    let explained = rig.program.run_with(&["explain", "-", "--json"], &tokens.access_token()).json();
    assert_eq!((&explained[0]["accepted"], &explained[0]["what"]), (&false.into(), &"access token".into()));
    let because = explained[0]["because"].as_str().unwrap();
    assert!(because.contains("user_disabled"), "{because}");
    let sid = tokens.claims()["sid"].as_str().unwrap().to_owned();
    let shown = rig.run(&["explain", &sid]);
    // What was done to the user is a part of its history.
    prints(&shown, "user_disabled");
    prints(&shown, "user.disabled");
    prints(&rig.run(&["explain", "not.a.token"]), "not a JWS");
}

/// An API that introspects and sees every token as inactive, and what its operator reads.
async fn a_client_that_serves_nothing_is_told_so(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.run(&["client", "add", "orders", "--name", "Orders", "--confidential", "--may-introspect"]);
    let token = rig.alice().await.access_token();
    let plain = rig.program.run_with(&["explain", "-"], &token);
    assert!(plain.ok().stdout.contains("active_for  -\n"), "{plain:?}");
    let explain = |format: &[&str]| {
        let outcome = rig.program.run_with(&[&["explain", "-", "--for", "orders"], format].concat(), &token);
        outcome.ok();
        outcome
    };
    let told = explain(&["--json"]).json();
    assert_eq!(
        (&told[0]["for"], &told[0]["active"], &told[0]["accepted"]),
        (&"orders".into(), &false.into(), &true.into())
    );
    let shown = explain(&[]).stdout;
    assert!(shown.starts_with("for             orders\nactive          no\nactive_because  it is for"), "{shown}");
    let audience = told[0]["audience"][0].as_str().unwrap();
    rig.run(&["client", "update", "orders", "--serves", audience]);
    assert_eq!(explain(&["--json"]).json()[0]["active"], true);
    rig.program.run_with(&["explain", "-", "--for", "nobody"], &token).refused("there is no client nobody");
    let sid = rig.alice().await.claims()["sid"].as_str().unwrap().to_owned();
    rig.program.run(&["explain", &sid, "--for", "orders"]).refused("--for needs the token itself");
}

/// Of access tokens only those that were revoked are kept, so nothing is known of one that lives.
async fn an_identifier_that_is_not_known_is_neither_accepted_nor_refused(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let jti = rig.alice().await.claims()["jti"].as_str().unwrap().to_owned();
    let shown = rig.run(&["explain", &jti]);
    assert!(shown.stdout.contains("accepted    unknown\n"), "{shown:?}");
    prints(&shown, "tells only whether it was revoked");
    assert_eq!(rig.run(&["explain", &jti, "--json"]).json()[0]["accepted"], Value::Null);
}

async fn what_is_no_token_and_no_identifier_is_refused(engine: Engine) {
    let rig = Rig::new(engine).await;
    for text in ["", " ", "garbage", "two.parts", "0195d3a0-0000-7000-8000"] {
        rig.program.run(&["explain", text]).refused("no token, no id of a session and no jti");
    }
    rig.program.run_with(&["explain", "-", "--json"], "\n").refused("no token, no id of a session and no jti");
}

on_both_databases!(
    a_client_that_serves_nothing_is_told_so,
    an_identifier_that_is_not_known_is_neither_accepted_nor_refused,
    what_is_no_token_and_no_identifier_is_refused,
    every_change_at_the_command_line_is_told,
    events_are_listed_by_user_session_and_time,
    an_altered_trail_is_reported_with_the_place,
    a_trail_outlives_the_master_secret_that_sealed_it,
    a_token_is_explained_without_being_seen_by_others,
);

/// The first start is told as the server's own doing.
#[test]
fn the_first_start_is_in_the_trail() {
    let program = Program::new().set("TOKEND_LISTEN", "127.0.0.1:0");
    let server = program.start(&[]);
    server.wait_for_log("listening");
    server.stop();
    let events = program.run(&["audit", "list", "--json"]).json();
    let mut told: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["kind"].as_str().unwrap(), e["actor"].as_str().unwrap()))
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [("client.added", "server"), ("client.added", "server"), ("key.added", "server"), ("user.added", "server")]
    );
    prints(&program.run(&["audit", "verify"]), "4 events in");
    let checked = program.run(&["check"]).stdout;
    assert!(checked.contains("5 wrong passwords, then waits of 1s to 15m"), "{checked}");
}
