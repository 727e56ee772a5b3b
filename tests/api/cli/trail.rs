//! The chain that all commands share, its anchors, and what the command line says of a trail that was altered.

use super::audit::{kinds, listed, prints};
use super::rig::{Rig, program_on};
use crate::harness::{Engine, on_both_databases};

/// Two commands at a time wait for each other; each event stands behind the one before it.
async fn all_commands_share_one_chain(engine: Engine) {
    let rig = Rig::new(engine).await;
    let names: Vec<_> = (0..8).map(|n| format!("user{n}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let program = &rig.program;
            scope.spawn(move || program.run(&["user", "add", name, "--no-password"]).ok().code);
        }
    });
    let chains = "SELECT CAST(seq AS TEXT) FROM audit_chains";
    assert_eq!(rig.database.ask_texts(chains).await, ["16"], "each with its anchor");
    prints(&rig.run(&["audit", "verify"]), "8 events in 1 chains");
}

/// The command is done all the same, and the next ones too; what was altered is not gone on with.
async fn a_chain_of_commands_that_was_altered_is_told(engine: Engine) {
    for alteration in ["UPDATE audit_chains SET seq = seq - 1", "UPDATE audit_chains SET head_seal = start_seal"] {
        let rig = Rig::new(engine).await;
        rig.run(&["user", "add", "alice", "--no-password"]);
        rig.run(&["user", "add", "bob", "--no-password"]);
        rig.database.execute(alteration).await;
        let outcome = rig.run(&["user", "add", "carol", "--no-password"]);
        assert!(outcome.stderr.contains("where it begins or ends was changed: run tokend audit verify"), "{outcome:?}");
        let told = listed(&rig, &[]);
        assert_eq!(kinds(&told), ["audit.rewound", "user.added", "user.added", "user.added"]);
        assert_eq!(rig.program.run(&["audit", "verify"]).code, Some(1));
    }
}

/// Nobody may put the list of anchors back unseen either, as long as there is another process.
async fn a_chain_of_commands_that_was_put_back_is_found(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.database.execute("CREATE TABLE kept AS SELECT * FROM audit_chains").await;
    rig.run(&["user", "disable", "alice", "--yes"]);
    for statement in [
        "DELETE FROM audit_events WHERE seq > (SELECT seq FROM kept)",
        "DELETE FROM audit_chains",
        "INSERT INTO audit_chains SELECT * FROM kept",
    ] {
        rig.database.execute(statement).await;
    }
    let outcome = rig.program.run(&["audit", "verify"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains(": anchor 6 is missing"), "{outcome:?}");
}

/// All chains once a minute, and what the command itself wrote each time.
async fn commands_in_a_row_anchor_their_own_chain(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    rig.alice().await;
    rig.run(&["user", "forget-devices", "alice"]);
    rig.database.execute("UPDATE audit_anchors SET at = at - 60").await;
    rig.run(&["user", "forget-devices", "alice"]);
    rig.run(&["user", "forget-devices", "alice"]);
    let lists = "SELECT CAST(length(chains) AS TEXT) FROM audit_anchors ORDER BY seq";
    assert_eq!(rig.database.ask_texts(lists).await, ["64", "64", "64", "128", "64"]);
    prints(&rig.run(&["audit", "verify"]), "(anchors: 5)");
}

async fn a_command_that_was_taken_out_of_the_trail_is_found(engine: Engine) {
    let rig = Rig::new(engine).await;
    rig.database.execute("CREATE TABLE kept AS SELECT * FROM audit_register").await;
    rig.run(&["user", "add", "alice", "--no-password"]);
    for statement in [
        "DELETE FROM audit_events",
        "DELETE FROM audit_chains",
        "DELETE FROM audit_register",
        "INSERT INTO audit_register SELECT * FROM kept",
    ] {
        rig.database.execute(statement).await;
    }
    let outcome = rig.program.run(&["audit", "verify"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("the register doesn't know these chains"), "{outcome:?}");
}

/// As a database of version 0.1.0 is in which nothing was ever told.
async fn a_trail_without_a_seal_is_sealed_by_an_operator(engine: Engine) {
    let rig = Rig::new(engine).await;
    let nothing = if engine == Engine::Sqlite { "zeroblob(32)" } else { r"decode(repeat('00', 32), 'hex')" };
    rig.database.execute("DELETE FROM audit_chains").await;
    rig.database.execute(&format!("UPDATE audit_register SET writers = {nothing}, seal = NULL")).await;
    prints(&rig.run(&["check"]), "audit trail    not sealed");
    let outcome = rig.program.run(&["audit", "verify"]);
    assert!(outcome.code == Some(1) && outcome.stderr.contains("run tokend audit seal"), "{outcome:?}");
    rig.program.run(&["audit", "seal"]).refused("say --yes");
    prints(&rig.run(&["audit", "seal", "--yes"]), "the audit trail is sealed as it is: 1 chains");
    prints(&rig.run(&["audit", "verify"]), "1 events in 1 chains: nothing was changed, left out or cut off");
    assert_eq!(kinds(&listed(&rig, &[])), ["audit.sealed"]);
    rig.run(&["user", "add", "alice", "--no-password"]);
    prints(&rig.run(&["audit", "verify"]), "2 events in 1 chains");
}

/// The server anchors when it starts and when it stops; a listing shows that only when it is asked to.
async fn what_was_done_beside_a_server_that_has_stopped_since_can_not_be_cut_off(engine: Engine) {
    let rig = Rig::new(engine).await;
    prints(&rig.run(&["audit", "verify"]), "(not anchored yet)");
    prints(&rig.run(&["check"]), "audit trail    sealed, not anchored yet");
    let rig = rig.with_alice();
    let server = program_on(&rig.database).set("TOKEND_LISTEN", "127.0.0.1:0").start(&[]);
    server.wait_for_log("audit trail anchored");
    rig.database.execute("CREATE TABLE kept AS SELECT * FROM audit_chains").await;
    rig.run(&["user", "add", "bob", "--no-password"]);
    assert!(server.stop().0.success());
    prints(&rig.run(&["audit", "verify"]), "(anchors: 5)");
    prints(&rig.run(&["check"]), "audit trail    sealed and anchored");
    assert_eq!(kinds(&listed(&rig, &[])), ["client.added", "user.added", "user.added"]);
    let all = listed(&rig, &["--all"]);
    assert_eq!((all.len(), kinds(&all)[4]), (8, "audit.anchored"));
    let newest = all.iter().find(|event| event["kind"] == "audit.anchored").unwrap();
    let digest = newest["target"].as_str().unwrap();
    rig.run(&["audit", "verify", "--anchor", digest]);
    rig.program.run(&["audit", "verify", "--anchor", &"0".repeat(64)]).refused("is not in the audit trail");

    // Only the commands' chain: its end was in the anchor.
    let commands = "writer = (SELECT DISTINCT writer FROM audit_events WHERE kind = 'user.added')";
    rig.database.execute(&format!("CREATE TABLE cut AS SELECT writer FROM audit_chains WHERE {commands}")).await;
    let cut = "writer IN (SELECT writer FROM cut)";
    rig.database.execute(&format!("DELETE FROM audit_events WHERE seq > 4 AND {cut}")).await;
    rig.database.execute(&format!("DELETE FROM audit_chains WHERE {cut}")).await;
    rig.database.execute(&format!("INSERT INTO audit_chains SELECT * FROM kept WHERE {cut}")).await;
    let outcome = rig.program.run(&["audit", "verify"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("was put back to an earlier state"), "{outcome:?}");
}

on_both_databases!(
    all_commands_share_one_chain,
    a_chain_of_commands_that_was_put_back_is_found,
    commands_in_a_row_anchor_their_own_chain,
    a_chain_of_commands_that_was_altered_is_told,
    a_command_that_was_taken_out_of_the_trail_is_found,
    a_trail_without_a_seal_is_sealed_by_an_operator,
    what_was_done_beside_a_server_that_has_stopped_since_can_not_be_cut_off,
);
