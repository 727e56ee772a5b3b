//! The purge deletes events, chains and anchors for their age, and `verify` tells that from an attack.

use tokend::audit::{Actor, AuditContext};
use tokend::store::audit_events::Keeping;

use crate::harness::{Engine, Settings, TestServer, on_both_databases, trail_keys};

/// Each anchor names a chain that the purge has shortened or deleted since.
async fn anchors_and_the_purge_agree(engine: Engine) {
    let settings = Settings::with("[audit]\nretention = '1d'");
    let server = TestServer::start_with(engine, settings).await;
    let node = server.another_node_with(&Settings::with("[audit]\nretention = '1d'")).await;
    server.at(&node).login().await.ok();
    for _ in 0..4 {
        server.login().await.ok();
        server.app.anchor_audit(true).await;
        server.clock.advance(20_000);
    }
    // An anchor that is younger than all events of a chain that is about to be deleted.
    let late = server.another_node_with(&Settings::with("[audit]\nretention = '1d'")).await;
    late.app.anchor_audit(true).await;
    let listed = server.app.store.audit().verify().await.unwrap().unwrap();
    assert_eq!((listed.findings.len(), listed.events, listed.anchors), (0, 5, 5));
    server.clock.advance(6_400);
    assert_eq!(server.app.purge_audit().await.unwrap(), 3, "the node's chain, and the first two of the server's");
    server.assert_whole().await;
    let lists = server.database.ask_texts("SELECT CAST(count(*) AS TEXT) FROM audit_anchors").await;
    assert_eq!(lists, ["4"], "lists go with their events");
    node.app.anchor_audit(false).await;
    server.at(&node).login().await.ok();
    server.app.anchor_audit(false).await;
    server.clock.advance(90_000);
    node.app.purge_audit().await.unwrap();
    server.login().await.ok();
    for app in [&server.app, &node.app, &late.app] {
        app.anchor_audit(false).await;
        app.record_rewound().await;
    }
    assert_eq!(server.events_of("audit.rewound").await, [], "a purge is no attack");
    server.assert_whole().await;
    let told = server.events_of("audit.purged").await;
    assert!(told.iter().all(|event| event.target.as_deref().is_some_and(|at| at.parse::<i64>().is_ok())), "{told:?}");
}

/// The chain of commands is shortened to nothing and stays.
async fn the_chain_of_commands_outlives_its_events(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("[audit]\nretention = '1d'")).await;
    let commands = server.database.open_again().await;
    commands.audit().keep(trail_keys(), Keeping { retention: 86_400, shared: true });
    let told = |at| AuditContext { actor: Actor::Operator(0), at, request_context: None };
    for _ in 0..2 {
        commands.by(told(server.clock.now())).registry().set_recovery(None).await.unwrap();
        server.app.anchor_audit(true).await;
        server.clock.advance(86_400);
        assert!(server.app.purge_audit().await.unwrap() > 0);
        server.assert_whole().await;
    }
    commands.by(told(server.clock.now())).registry().set_recovery(None).await.unwrap();
    assert_eq!(server.events_of("recovery.closed").await.len(), 1);
    server.assert_whole().await;
}

on_both_databases!(anchors_and_the_purge_agree, the_chain_of_commands_outlives_its_events);
