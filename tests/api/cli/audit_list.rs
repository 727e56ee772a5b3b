//! `tokend audit list`: which events it shows, how they fit a terminal, and how they are followed.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;

use super::audit::{kinds, listed};
use super::rig::{PASSWORD, Rig, program_on};
use crate::harness::{Engine, Proxy, on_both_databases};

/// A trail of alice's, with a failure from another address.
async fn trail(engine: Engine) -> Rig {
    let rig = Rig::new(engine).await.with_alice();
    rig.alice().await;
    rig.alice().await;
    rig.login("alice", "a guess").await.refused(401, "invalid_grant");
    let moved = "UPDATE audit_events SET address = '203.0.113.7' WHERE kind = 'sign_in.failed'";
    rig.database.execute(moved).await;
    rig
}

async fn events_are_filtered_by_kind_client_and_address(engine: Engine) {
    let rig = trail(engine).await;
    for (filter, expected) in [
        (&["--kind", "sign_in.failed"][..], &["sign_in.failed"][..]),
        (&["--kind", "sign_out"], &[]),
        (&["--client", "app"], &["client.added", "sign_in.failed", "sign_in.ok", "sign_in.ok"]),
        (&["--client", "app", "--kind", "client.added"], &["client.added"]),
        (&["--user", "alice", "--client", "app", "--kind", "sign_in.ok"], &["sign_in.ok", "sign_in.ok"]),
        (&["--address", "203.0.113.7"], &["sign_in.failed"]),
        (&["--address", "203.0.113.0/24"], &["sign_in.failed"]),
        (&["--address", "127.0.0.0/8"], &["sign_in.ok", "sign_in.ok"]),
        (&["--address", "::/0"], &[]),
        (&["--address", "203.0.113.7", "--kind", "sign_in.ok"], &[]),
        (&["--address", "0.0.0.0/0", "--limit", "1"], &["sign_in.failed"]),
    ] {
        if filter.contains(&"--limit") {
            assert_eq!(listed(&rig, filter).len(), expected.len(), "{filter:?}");
        } else {
            assert_eq!(kinds(&listed(&rig, filter)), expected, "{filter:?}");
        }
    }
    let list = |filter: &[&str]| rig.program.run(&[&["audit", "list"], filter].concat());
    let wrong = list(&["--kind", "sign_in"]);
    wrong.misused("sign_in.failed").misused("session").misused("audit.rewound");
    list(&["--address", "10.0.0.0/33"]).misused("must be an address or a network");
    list(&["--client", "ap"]).refused("there is no client ap");
    rig.run(&["client", "remove", "app", "--yes"]);
    assert!(kinds(&listed(&rig, &["--client", "app"])).contains(&"client.removed"), "it has a history");
}

/// The filters of one trail hold together with each user and session.
async fn a_session_is_filtered_by_its_user_too(engine: Engine) {
    let rig = trail(engine).await;
    rig.run(&["user", "add", "bob", "--no-password"]);
    let sid = rig.alice().await.claims()["sid"].as_str().unwrap().to_owned();
    assert_eq!(kinds(&listed(&rig, &["--session", &sid, "--user", "alice"])), ["sign_in.ok"]);
    assert!(listed(&rig, &["--session", &sid, "--user", "bob"]).is_empty());
}

/// Names are those of today; who was removed is named where the trail has the name.
async fn events_are_shown_with_names(engine: Engine) {
    let rig = trail(engine).await;
    let event = &listed(&rig, &["--kind", "sign_in.ok"])[0];
    assert_eq!(
        (&event["username"], &event["client_name"], &event["client_id"]),
        (&"alice".into(), &"App".into(), &"app".into())
    );
    let id = event["user_id"].as_str().unwrap().to_owned();
    let table = rig.run(&["audit", "list"]).stdout;
    assert!(table.starts_with("AT ") && table.contains("user:alice") && table.contains("app (App)"), "{table}");
    assert!(!table.contains(&id), "{table}");
    rig.run(&["user", "remove", "alice", "--yes"]);
    let removed = rig.run(&["audit", "list", "--kind", "user.removed"]).stdout;
    assert!(removed.contains("alice") && !removed.contains(&id), "{removed}");
    assert!(rig.run(&["audit", "list", "--kind", "user.added"]).stdout.contains(&id), "nobody knows the name any more");
    assert_eq!(listed(&rig, &["--kind", "user.added"])[0]["username"], Value::Null);
}

/// Addresses of a network are picked from pages of a thousand events, many of which are of one second.
async fn a_network_is_looked_for_through_the_whole_trail(engine: Engine) {
    let rig = trail(engine).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO audit_events (writer, seq, at, kind, count, actor, address, seal) \
         SELECT e.writer, 1000000 + n.i, n.i / 700, 'throttled', n.i, 'stranger', \
         CASE WHEN n.i % 2 = 0 THEN '10.0.0.1' ELSE '192.0.2.1' END, e.seal \
         FROM (SELECT writer, seal FROM audit_events LIMIT 1) AS e CROSS JOIN n";
    rig.database.execute(many).await;
    for (address, limit, expected) in [
        ("10.0.0.0/8", "100000", 1250),
        ("10.0.0.1", "100000", 1250),
        ("10.0.0.0/8", "1100", 1100),
        ("0.0.0.0/0", "100000", 2503),
        ("10.0.0.2/31", "100000", 0),
    ] {
        let events = listed(&rig, &["--address", address, "--limit", limit]);
        let mut counts: Vec<_> = events.iter().map(|event| (event["at"].as_i64(), event["count"].as_i64())).collect();
        assert_eq!(counts.len(), expected, "{address} {limit}");
        assert!(counts.is_sorted_by(|one, next| one.0 >= next.0), "the newest first");
        counts.retain(|(at, _)| *at < Some(10));
        let all = counts.len();
        counts.sort_unstable();
        counts.dedup();
        assert_eq!(counts.len(), all, "none is shown twice");
    }
}

async fn new_events_are_followed(engine: Engine) {
    let rig = trail(engine).await;
    let follow = ["audit", "list", "--follow", "--json", "--kind", "user.added"];
    let following = rig.program.start(&follow);
    let first: Value = serde_json::from_str(&following.stdout_until("alice").pop().unwrap()).unwrap();
    assert_eq!((&first["kind"], &first["username"]), (&"user.added".into(), &"alice".into()));
    rig.alice().await;
    for name in ["bob", "carol"] {
        rig.run(&["user", "add", name, "--no-password"]);
    }
    let lines = [following.stdout_until("bob"), following.stdout_until("carol")].concat();
    assert_eq!(lines.len(), 2, "nothing else, and nothing twice: {lines:?}");
    following.terminate();
    let (_, rest, said) = following.end();
    assert_eq!((rest.as_str(), said.as_str()), ("", ""));
}

/// As with `| head -1`, and then nothing happens any more.
async fn following_ends_when_nobody_reads(engine: Engine) {
    let rig = trail(engine).await;
    let (mut reader, writer) = std::io::pipe().unwrap();
    let following = rig.program.start_writing_to(&["audit", "list", "-f"], Stdio::from(writer), Stdio::null());
    reader.read_exact(&mut [0; 10]).unwrap();
    drop(reader);
    assert_eq!(following.code_within(Duration::from_secs(20)), Some(0));
}

/// What happens while the database can't be reached is shown when it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn following_survives_a_lost_connection() {
    let rig = Rig::new(Engine::Postgres).await;
    let (proxy, through) = Proxy::to_postgres(&rig.database.url).await;
    let program = program_on(&rig.database).set("TOKEND_DATABASE", &through);
    let following = program.set("TOKEND_POSTGRES__ACQUIRE_TIMEOUT", "1s").start(&["audit", "list", "-f", "--json"]);
    rig.run(&["user", "add", "alice", "--no-password"]);
    following.stdout_until("alice");
    proxy.refuse(true);
    proxy.cut();
    let said = following.wait_for_log("trying again");
    assert!(said.starts_with("tokend: note: the database doesn't answer"), "{said}");
    rig.run(&["user", "add", "bob", "--no-password"]);
    proxy.refuse(false);
    following.wait_for_log("the database answers again");
    following.stdout_until("bob");
}

/// What is printed on a terminal of so many columns.
fn on_terminal(rig: &Rig, columns: u16, arguments: &[&str]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let other_end = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let running = rig.program.start_writing_to(arguments, Stdio::from(other_end), Stdio::null());
    // The end of a terminal whose other side is closed is an error.
    let mut bytes = Vec::new();
    let _ = File::from(terminal).read_to_end(&mut bytes);
    assert_eq!(running.code_within(Duration::from_secs(20)), Some(0));
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

async fn a_listing_fits_its_terminal(engine: Engine) {
    let rig = trail(engine).await;
    rig.program.run_with(&["user", "add", &"b".repeat(100), "--password-stdin"], PASSWORD).ok();
    for columns in [40, 80, 100, 250] {
        let shown = on_terminal(&rig, columns, &["audit", "list"]);
        let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(columns), "{columns}: {shown}");
        assert!(shown.lines().count() == 7 && shown.contains("sign_in.failed"), "{shown}");
        assert_eq!((shown.contains('\u{2026}'), shown.contains("SESSION")), (columns >= 80, columns == 250), "{shown}");
    }
    assert!(rig.run(&["audit", "list"]).stdout.contains(&"b".repeat(100)), "no terminal limits it");
}

on_both_databases!(
    events_are_filtered_by_kind_client_and_address,
    a_session_is_filtered_by_its_user_too,
    events_are_shown_with_names,
    a_network_is_looked_for_through_the_whole_trail,
    new_events_are_followed,
    following_ends_when_nobody_reads,
    a_listing_fits_its_terminal,
);
