//! Somebody with the database in hand alters the trail, and is found out.

use futures_util::future::join_all;
use tokend::audit::{Actor, AuditContext, EventKind};
use tokend::store::Store;
use tokend::store::audit_events::Finding;

use crate::harness::{Engine, Settings, TestServer, on_both_databases};

/// Sign-ins enough for several chains, and some that go on after others.
async fn server_with_a_history(engine: Engine) -> TestServer {
    let server = TestServer::start(engine).await;
    for _ in 0..3 {
        join_all((0..6).map(|_| server.login())).await;
        server.post("/login", &[("username", "alice"), ("password", "a guess")]).await;
        server.clock.advance(61);
    }
    server.assert_whole().await;
    server
}

impl TestServer {
    async fn alter(&self, statement: &str) {
        self.database.execute(statement).await;
    }

    async fn findings(&self) -> Vec<Finding> {
        self.app.store.audit().verify().await.unwrap().unwrap().findings
    }
}

/// Any writer's last event, and any that isn't the last.
const LAST: &str = "(SELECT e.writer FROM audit_events e ORDER BY e.seq DESC LIMIT 1)";

async fn an_event_that_was_changed_is_found(engine: Engine) {
    for change in [
        "at = at - 1",
        "kind = 'sign_out'",
        "count = count + 1",
        "reason = 'x'",
        "actor = 'server'",
        "user_id = NULL",
        "client_id = 'other'",
        "session_id = NULL",
        "jti = session_id",
        "target = ''",
        "address = '192.0.2.1'",
        "user_agent = 'x'",
        "request_id = ''",
    ] {
        let server = server_with_a_history(engine).await;
        server
            .alter(&format!(
                "UPDATE audit_events SET {change} WHERE kind = 'sign_in.ok' AND seq = 1 AND writer = {LAST}"
            ))
            .await;
        assert!(matches!(server.findings().await[..], [Finding::Event { seq: 1, .. }]), "{change}");
    }
}

async fn a_gap_and_a_cut_are_found(engine: Engine) {
    let server = server_with_a_history(engine).await;
    server.alter(&format!("DELETE FROM audit_events WHERE seq = 2 AND writer = {LAST}")).await;
    assert!(matches!(server.findings().await[..], [Finding::Event { seq: 3, .. }]));

    let server = server_with_a_history(engine).await;
    let last = "seq = (SELECT MAX(e.seq) FROM audit_events e)";
    server.alter(&format!("DELETE FROM audit_events WHERE writer = {LAST} AND {last}")).await;
    assert!(matches!(server.findings().await[..], [Finding::Cut { .. }]));

    // Moving the head back too doesn't hide it: its seal can't be made.
    let server = server_with_a_history(engine).await;
    let (seq, seal) = ("(SELECT MAX(e.seq) - 1 FROM audit_events e)", "e.writer = audit_chains.writer AND e.seq");
    server
        .alter(&format!(
            "UPDATE audit_chains SET seal = (SELECT e.seal FROM audit_events e WHERE {seal} = {seq}), seq = {seq} \
             WHERE writer = {LAST}"
        ))
        .await;
    server.alter(&format!("DELETE FROM audit_events WHERE writer = {LAST} AND {last}")).await;
    assert!(matches!(server.findings().await[..], [Finding::Ends { .. }]));
}

/// As a deletion for its age would do it, but that can't be sealed either.
async fn a_beginning_that_was_cut_off_is_found(engine: Engine) {
    let server = server_with_a_history(engine).await;
    let first = "SELECT e.seal FROM audit_events e WHERE e.writer = audit_chains.writer AND e.seq = 1";
    server
        .alter(&format!("UPDATE audit_chains SET start_seq = 1, start_after = ({first}) WHERE writer = {LAST}"))
        .await;
    server.alter(&format!("DELETE FROM audit_events WHERE seq = 1 AND writer = {LAST}")).await;
    assert!(matches!(server.findings().await[..], [Finding::Ends { .. }]));
}

async fn a_chain_that_is_missing_or_added_is_found(engine: Engine) {
    let server = server_with_a_history(engine).await;
    server.alter(&format!("DELETE FROM audit_chains WHERE writer = {LAST}")).await;
    let findings = server.findings().await;
    assert!(matches!(findings[..], [Finding::Register, Finding::Orphans { .. }]), "{findings:?}");
    server.alter(&format!("DELETE FROM audit_events WHERE writer = {LAST}")).await;
    assert_eq!(server.findings().await, [Finding::Register]);

    // All of it is gone, and the register says that there was nothing: its seal can't.
    let server = server_with_a_history(engine).await;
    server.alter("DELETE FROM audit_chains").await;
    server.alter("DELETE FROM audit_events").await;
    assert_eq!(server.findings().await, [Finding::Register]);
    let nothing = match engine {
        Engine::Sqlite => format!("x'{}'", "00".repeat(32)),
        Engine::Postgres => format!("'\\x{}'", "00".repeat(32)),
    };
    server.alter(&format!("UPDATE audit_register SET writers = {nothing}")).await;
    assert_eq!(server.findings().await, [Finding::Register]);

    // An event of nobody's.
    let server = server_with_a_history(engine).await;
    let all = "at, kind, count, reason, actor, user_id, client_id, session_id, jti, target, address, user_agent, \
               request_id, seal";
    server
        .alter(&format!(
            "INSERT INTO audit_events (writer, seq, {all}) SELECT writer, seq + 1, {all} FROM audit_events \
             WHERE writer = {LAST} AND seq = (SELECT MAX(e.seq) FROM audit_events e)"
        ))
        .await;
    assert!(matches!(server.findings().await[..], [Finding::Event { .. }]));
}

/// With another master secret nothing can be verified, and an older one still verifies.
async fn the_trail_is_sealed_under_the_master_secret(engine: Engine) {
    let server = server_with_a_history(engine).await;
    let secrets = "another-master-secret-of-the-tests-01, a-master-secret-of-the-tests-long-enough";
    let rotated = server.another_node_with(&Settings::default().with_secret(secrets)).await;
    let rotated = server.at(&rotated);
    rotated.login().await.ok();
    rotated.assert_whole().await;
    server.login().await.ok();
    assert_ne!(server.findings().await, [], "this node doesn't know the new secret");
    rotated.assert_whole().await;
}

/// Nodes and restarts write chains of their own.
async fn several_nodes_write_at_once(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    let other = server.at(&node);
    join_all((0..40).map(|n| if n % 2 == 0 { server.login() } else { other.login() })).await;
    server.assert_whole().await;
    other.assert_whole().await;
    assert_eq!(server.events_of("sign_in.ok").await.len(), 40);
}

/// To verify it is as it was at an earlier time, which nobody can tell from it. The server that runs can, and goes on elsewhere.
async fn a_trail_that_was_put_back_as_a_whole_is_gone_on_with(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.login().await.ok();
    server.alter("CREATE TABLE kept AS SELECT * FROM audit_chains").await;
    server.login().await.ok();
    server.alter("DELETE FROM audit_chains").await;
    server.alter("INSERT INTO audit_chains SELECT * FROM kept").await;
    server.alter("DELETE FROM audit_events WHERE seq > (SELECT MAX(seq) FROM audit_chains)").await;
    server.assert_whole().await;
    for _ in 0..3 {
        server.login().await.ok();
    }
    assert_eq!(server.events().await.len(), 4);
    server.app.record_rewound().await;
    assert!(matches!(server.findings().await[..], [Finding::Told { .. }]));
    assert_eq!(server.events().await.len(), 5);
}

/// What is old is deleted, and that is told; the rest still verifies, and goes on.
async fn old_events_are_deleted_from_the_beginning(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("[audit]\nretention = '1d'")).await;
    join_all((0..6).map(|_| server.login())).await;
    server.clock.advance(86_399);
    server.login().await.ok();
    assert_eq!(server.app.purge_audit().await.unwrap(), 0, "nothing is a day old");
    server.clock.advance(1);
    assert_eq!(server.app.purge_audit().await.unwrap(), 6);
    let events = server.events().await;
    assert_eq!(events.iter().map(|event| &*event.kind).collect::<Vec<_>>(), ["sign_in.ok", "audit.purged"]);
    assert_eq!((events[1].count, events[1].actor.as_str()), (6, "server"));
    server.assert_whole().await;
    join_all((0..6).map(|_| server.login())).await;
    server.assert_whole().await;
    // What an attacker deletes from the beginning is another matter.
    server.alter("DELETE FROM audit_events WHERE kind = 'audit.purged'").await;
    assert_ne!(server.findings().await, []);
}

/// The server opens chains and deletes old events under its own seal, which must not make good what somebody else did.
async fn the_server_seals_nothing_that_was_altered(engine: Engine) {
    let server = server_with_a_history(engine).await;
    let nothing = if engine == Engine::Sqlite { "zeroblob(32)" } else { r"decode(repeat('00', 32), 'hex')" };
    server.alter("DELETE FROM audit_events").await;
    server.alter("DELETE FROM audit_chains").await;
    server.alter(&format!("UPDATE audit_register SET writers = {nothing}")).await;
    assert_eq!(server.findings().await, [Finding::Register]);
    server.login().await.ok();
    assert_eq!(server.findings().await, [Finding::Register]);

    for (alteration, kept) in [("at = 1 WHERE seq = 1", 7), ("actor = 'x' WHERE seq = 1", 7)] {
        let server = TestServer::start_with(engine, Settings::with("[audit]\nretention = '1d'")).await;
        for _ in 0..6 {
            server.login().await.ok();
        }
        server.alter(&format!("UPDATE audit_events SET {alteration}")).await;
        server.clock.advance(86_400);
        assert_eq!(server.app.purge_audit().await.unwrap(), 0, "{alteration}");
        server.login().await.ok();
        assert_eq!(server.events().await.len(), kept);
        assert!(matches!(server.findings().await[..], [Finding::Event { seq: 1, .. }]), "{alteration}");
    }
}

/// Their clocks differ, and one may have been quicker: a chain begins where the one that deleted most says.
async fn nodes_that_delete_old_events_at_once_leave_the_trail_whole(engine: Engine) {
    let server = TestServer::start(engine).await;
    let began = server.clock.now();
    for _ in 0..20 {
        server.login().await.ok();
        server.clock.advance(1);
    }
    let mut stores = Vec::new();
    for _ in 0..6 {
        stores.push(server.another_node().await.app.store.clone());
    }
    for round in 0..5 {
        let purge = async |store: Store, ahead: i64| {
            let acting = AuditContext { actor: Actor::Server, at: began, request_context: None };
            let told = |count| acting.event(EventKind::AuditPurged).counting(count);
            store.audit().purge(began + round * 3 + ahead % 3, told).await
        };
        let purged = join_all(stores.iter().cloned().zip(0..).map(|(store, ahead)| purge(store, ahead))).await;
        assert!(purged.iter().all(Result::is_ok), "{purged:?}");
        server.assert_whole().await;
    }
}

/// Verifying while others write finds nothing that isn't there.
async fn it_can_be_verified_while_it_is_written(engine: Engine) {
    let server = server_with_a_history(engine).await;
    let writing = join_all((0..60).map(|_| server.login()));
    let verifying = async {
        for _ in 0..10 {
            server.assert_whole().await;
        }
    };
    let (answers, ()) = tokio::join!(writing, verifying);
    assert!(answers.iter().all(|answer| answer.status == 200));
    server.assert_whole().await;
}

on_both_databases!(
    an_event_that_was_changed_is_found,
    a_gap_and_a_cut_are_found,
    a_beginning_that_was_cut_off_is_found,
    a_chain_that_is_missing_or_added_is_found,
    the_trail_is_sealed_under_the_master_secret,
    several_nodes_write_at_once,
    a_trail_that_was_put_back_as_a_whole_is_gone_on_with,
    old_events_are_deleted_from_the_beginning,
    the_server_seals_nothing_that_was_altered,
    nodes_that_delete_old_events_at_once_leave_the_trail_whole,
    it_can_be_verified_while_it_is_written,
);
