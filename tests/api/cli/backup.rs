//! `tokend backup`: a copy of the embedded database that can be started from.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::rig::{Rig, program_on};
use crate::harness::{Engine, MASTER_SECRET, Program, Serving};

#[test]
fn a_copy_that_is_made_under_way_has_everything() {
    let server = Serving::start(Program::new(), 1, 8);
    let program = &server.program;
    program.run(&["user", "add", "bob", "--no-password"]).ok();
    program.run(&["backup", "copy.db"]).said("the database was copied to copy.db; the master secret is not in it");
    program.run(&["user", "add", "carol", "--no-password"]).ok();
    let copy = program.directory().join("copy.db");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let database = format!("sqlite:{}", copy.display());
    let restored = Program::new().set("TOKEND_DATABASE", &database).set("TOKEND_SECRET", MASTER_SECRET);
    let users = restored.run(&["user", "list", "--json"]).json().to_string();
    assert!(users.contains("bob") && !users.contains("carol"), "{users}");
    restored.run(&["audit", "verify"]).ok();
    assert!(server.process.stop().0.success());
}

#[test]
fn nothing_is_written_over() {
    let program = Program::new();
    program.run(&["migrate"]).ok();
    let taken = program.directory().join("taken");
    fs::write(&taken, "precious").unwrap();
    program.run(&["backup", "taken"]).refused("taken");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "precious");
    program.run(&["backup", "nowhere/copy.db"]).refused("nowhere/copy.db");
}

#[tokio::test]
async fn a_copy_of_postgresql_is_for_its_own_programs() {
    let rig = Rig::new(Engine::Postgres).await;
    program_on(&rig.database).run(&["backup", "copy"]).refused("pg_dump");
}
