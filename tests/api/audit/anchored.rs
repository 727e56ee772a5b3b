//! Somebody with the database in hand puts back what was once authentic, and anchors show it.

use futures_util::future::join_all;
use tokend::audit::ends_in;
use tokend::store::audit_events::Finding;

use crate::harness::{Engine, TestServer, on_both_databases};

async fn an_anchor_is_written_while_something_moves_and_never_for_an_anchor(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    server.login().await.ok();
    server.app.anchor_audit(false).await;
    assert_eq!(server.anchors().await, 1);
    node.app.anchor_audit(false).await;
    assert_eq!(server.anchors().await, 2, "each node writes its own");
    for _ in 0..3 {
        server.app.anchor_audit(false).await;
        node.app.anchor_audit(false).await;
    }
    assert_eq!(server.anchors().await, 2, "nothing moved but anchors");
    server.at(&node).login().await.ok();
    server.app.anchor_audit(false).await;
    assert_eq!(server.anchors().await, 3, "what another node writes moves too");
    server.app.anchor_audit(true).await;
    assert_eq!(server.anchors().await, 4, "a start and a stop always write one");
    server.assert_whole().await;
}

/// A sign-in on its way, other nodes and commands all write meanwhile.
async fn anchors_are_true_while_everybody_writes(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    let other = server.at(&node);
    let writing = join_all((0..40).map(|n| if n % 2 == 0 { server.login() } else { other.login() }));
    let anchoring = async {
        for _ in 0..10 {
            server.app.anchor_audit(true).await;
            node.app.anchor_audit(true).await;
        }
    };
    let (answers, ()) = tokio::join!(writing, anchoring);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(server.reported_rewinding().await, 0);
    server.assert_whole().await;
}

async fn chains_that_were_put_back_are_found_by_a_later_anchor(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    server.login().await.ok();
    node.app.anchor_audit(true).await;
    server.note_chains().await;
    server.login().await.ok();
    server.app.anchor_audit(true).await;
    server.put_chains_back().await;
    let findings = server.found().await;
    assert!(matches!(findings[..], [Finding::Anchor { .. }]), "its list is left: {findings:?}");
    server.run(&["DELETE FROM audit_anchors WHERE seq > (SELECT c.seq FROM audit_chains c WHERE c.writer = audit_anchors.writer)"]).await;
    server.assert_whole().await;
    server.login().await.ok();
    assert_eq!(server.reported_rewinding().await, 1, "a server that runs remembers");
}

/// The newest anchors of the same chain are cut off with it, but those of another node stay.
async fn a_chain_that_was_put_back_is_found_by_the_anchor_of_another_node(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    server.login().await.ok();
    server.note_chains().await;
    server.login().await.ok();
    server.app.anchor_audit(true).await;
    node.app.anchor_audit(true).await;
    let of_server = "(SELECT writer FROM kept_chains WHERE seq > 0)";
    server
        .run(&[
            &format!("DELETE FROM audit_events WHERE seq > 1 AND writer IN {of_server}"),
            &format!("DELETE FROM audit_anchors WHERE writer IN {of_server}"),
            &format!("DELETE FROM audit_chains WHERE writer IN {of_server}"),
            "INSERT INTO audit_chains SELECT * FROM kept_chains WHERE seq > 0",
        ])
        .await;
    let findings = server.found().await;
    assert!(matches!(findings[..], [Finding::Rewound { seq: 3, .. }]), "{findings:?}");
}

async fn a_chain_that_was_taken_out_of_the_register_is_found(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.login().await.ok();
    server.run(&["CREATE TABLE kept_register AS SELECT * FROM audit_register"]).await;
    let node = server.another_node().await;
    server.note_chains().await;
    server.at(&node).login().await.ok();
    server.app.anchor_audit(true).await;
    let of_node = "writer NOT IN (SELECT writer FROM kept_chains)";
    server
        .run(&[
            &format!("DELETE FROM audit_events WHERE {of_node}"),
            &format!("DELETE FROM audit_chains WHERE {of_node}"),
            "DELETE FROM audit_register",
            "INSERT INTO audit_register SELECT * FROM kept_register",
        ])
        .await;
    let findings = server.found().await;
    assert!(matches!(findings[..], [Finding::Gone { .. }]), "{findings:?}");
    node.app.anchor_audit(false).await;
    assert_eq!(server.reported_rewinding().await, 0);
    node.app.record_rewound().await;
    assert_eq!(server.events_of("audit.rewound").await.len(), 1, "whose chain it was knows");
}

async fn a_register_without_a_seal_is_found(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.login().await.ok();
    server.app.anchor_audit(true).await;
    let nothing = if engine == Engine::Sqlite { "zeroblob(32)" } else { r"decode(repeat('00', 32), 'hex')" };
    let register = format!("UPDATE audit_register SET writers = {nothing}, seal = NULL");
    server.run(&["DELETE FROM audit_events", "DELETE FROM audit_chains", "DELETE FROM audit_anchors", &register]).await;
    assert_eq!(server.found().await, [Finding::Unsealed]);
    server.login().await.ok();
    server.another_node().await.app.anchor_audit(true).await;
    assert!(server.found().await.contains(&Finding::Unsealed), "nobody seals it by the way");
}

async fn an_anchor_that_was_changed_or_deleted_is_found(engine: Engine) {
    let statements = [
        "DELETE FROM audit_anchors",
        "UPDATE audit_anchors SET seq = seq + 1",
        "UPDATE audit_anchors SET chains = seal FROM audit_events e WHERE e.seq = 1",
    ];
    for statement in statements {
        let server = TestServer::start(engine).await;
        server.login().await.ok();
        server.app.anchor_audit(true).await;
        server.assert_whole().await;
        server.run(&[statement]).await;
        let findings = server.found().await;
        assert!(
            findings.iter().all(|found| matches!(found, Finding::Anchor { .. })) && !findings.is_empty(),
            "{findings:?}"
        );
    }
}

/// The list is what docs/audit.md says, for those who verify it elsewhere.
async fn a_list_has_every_chain(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.login().await.ok();
    let ends = "SELECT CAST(seq AS TEXT) FROM audit_chains WHERE seq > 0 ORDER BY writer";
    let before = server.database.ask_texts(ends).await;
    server.app.anchor_audit(true).await;
    let hex = if engine == Engine::Sqlite { "hex(chains)" } else { "encode(chains, 'hex')" };
    let list = server.database.ask_texts(&format!("SELECT {hex} FROM audit_anchors")).await.remove(0);
    let bytes: Vec<u8> =
        (0..list.len()).step_by(2).map(|at| u8::from_str_radix(&list[at..at + 2], 16).unwrap()).collect();
    let listed: Vec<String> = ends_in(&bytes).unwrap().iter().map(|end| end.link.seq.to_string()).collect();
    assert_eq!(listed, before);
}

on_both_databases!(
    an_anchor_is_written_while_something_moves_and_never_for_an_anchor,
    anchors_are_true_while_everybody_writes,
    chains_that_were_put_back_are_found_by_a_later_anchor,
    a_chain_that_was_put_back_is_found_by_the_anchor_of_another_node,
    a_chain_that_was_taken_out_of_the_register_is_found,
    a_register_without_a_seal_is_found,
    an_anchor_that_was_changed_or_deleted_is_found,
    a_list_has_every_chain,
);
