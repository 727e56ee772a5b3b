//! What is asked before something is lost, and what is said when a command can't do what it should.

use super::rig::{PASSWORD, Rig, program_on};
use crate::harness::{Database, Engine, Program, on_both_databases};

async fn what_takes_away_asks_first(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let pending = rig.run(&["key", "rotate"]).stdout.split(' ').nth(1).unwrap().to_owned();
    let tokens = rig.alice().await;
    for command in [
        &["user", "disable", "alice"][..],
        &["user", "remove", "alice"],
        &["client", "disable", "app"],
        &["client", "remove", "app"],
        &["session", "revoke", "--user", "alice"],
        &["session", "revoke", "--client", "app"],
        &["key", "remove", &pending],
    ] {
        for answer in ["", "y\n", "yes\n"] {
            rig.program.run_with(command, answer).refused("--yes");
        }
    }
    rig.assert_alive(&tokens).await;
    rig.login("alice", PASSWORD).await.ok();
    assert!(rig.jwks_kids().await.contains(&pending));
    rig.run(&["key", "remove", &pending, "--yes"]);
    rig.run(&["user", "remove", "alice", "-y"]);
    assert!(!rig.has_user("alice").await);
}

async fn a_command_leaves_a_database_alone_that_it_does_not_know(engine: Engine) {
    let database = Database::new(engine).await;
    let program = program_on(&database);
    program.run(&["user", "list"]).ok();
    super::check::make_newer(&database).await;
    for command in [
        &["user", "add", "bob", "--no-password"][..],
        &["client", "list"],
        &["session", "list"],
        &["key", "rotate"],
        &["migrate"],
        &["migrate", "--dry-run"],
        &["recovery", "close"],
        &["check"],
        &["serve"],
        &["serve", "--no-migrate"],
        &[],
    ] {
        program.run(command).refused("of a newer version of tokend");
    }
}

/// What is sealed under a secret that the servers don't have looks to them as if it had been forged.
async fn a_command_with_another_master_secret_changes_nothing(engine: Engine) {
    let rig = Rig::new(engine).await.with_alice();
    let another = program_on(&rig.database).set("TOKEND_SECRET", "another-master-secret-than-that-of-the-servers");
    for command in [
        &["user", "add", "bob", "--no-password"][..],
        &["user", "disable", "alice", "--yes"],
        &["client", "add", "web", "--name", "Web", "--public"],
        &["session", "revoke", "--user", "alice", "--yes"],
        &["key", "rotate"],
        &["recovery", "open", "--for", "1h"],
        &["audit", "verify"],
    ] {
        another.run(command).refused("the master secret does not open signing key");
    }
    assert!(!rig.has_user("bob").await);
    rig.run(&["audit", "verify"]);
}

/// In another directory than the server's there is another database, or none, which must not look like an answer.
#[test]
fn only_the_server_and_migrate_make_a_database() {
    let program = Program::new();
    for command in [
        &["user", "add", "alice", "--no-password"][..],
        &["user", "list"],
        &["client", "list"],
        &["session", "list"],
        &["key", "list"],
        &["audit", "verify"],
        &["explain", "00000000-0000-4000-8000-000000000000"],
        &["recovery", "status"],
        &["backup", "copy.db"],
    ] {
        program.run(command).refused("there is no database data/tokend.db here");
        assert!(!program.directory().join("data").exists(), "{command:?}");
    }
    program.run(&["migrate"]).ok();
    program.run(&["user", "add", "alice", "--no-password"]).ok();
}

#[test]
fn help_needs_no_database_and_no_configuration() {
    let program = Program::new().set("TOKEND_DATABASE", "nonsense");
    for command in [
        &["help"][..],
        &["--help"],
        &["serve", "--help"],
        &["check", "--help"],
        &["migrate", "--help"],
        &["help", "client", "add"],
        &["client", "update", "--help"],
        &["user", "add", "--help"],
        &["session", "revoke", "--help"],
        &["key", "rotate", "--help"],
        &["recovery", "open", "--help"],
        &["--version"],
    ] {
        let shown = program.run(command);
        assert!(!shown.ok().stdout.is_empty() && shown.stderr.is_empty(), "{shown:?}");
    }
    for command in [&["nonsense"][..], &["client"], &["client", "nonsense"], &["user", "show"], &["--nonsense"]] {
        program.run(command).misused("Usage");
    }
    program.run(&["user", "list"]).refused("TOKEND_DATABASE: database");
    assert_eq!(std::fs::read_dir(program.directory()).unwrap().count(), 0);
}

on_both_databases!(
    a_command_with_another_master_secret_changes_nothing,
    what_takes_away_asks_first,
    a_command_leaves_a_database_alone_that_it_does_not_know
);
