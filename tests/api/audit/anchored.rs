//! Somebody with the database in hand puts back what was once authentic, and anchors show it.

use futures_util::future::join_all;
use tokend::audit::{Acting, Actor, ends_in};
use tokend::store::audit_events::{Finding, Keeping};

use crate::harness::{Engine, Settings, TestServer, on_both_databases, trail_keys};

const DELETE_NEWER: &str = "DELETE FROM audit_events WHERE seq > \
     COALESCE((SELECT k.seq FROM kept_chains k WHERE k.writer = audit_events.writer), 0)";

impl TestServer {
    async fn run(&self, statements: &[&str]) {
        for statement in statements {
            self.database.execute(statement).await;
        }
    }

    /// Notes the ends of all chains, as somebody with the database in hand would.
    async fn note_chains(&self) {
        self.run(&["CREATE TABLE kept_chains AS SELECT * FROM audit_chains"]).await;
    }

    /// Puts the noted ends back, and deletes what was written since.
    async fn put_chains_back(&self) {
        let put_back = ["DELETE FROM audit_chains", "INSERT INTO audit_chains SELECT * FROM kept_chains"];
        self.run(&[DELETE_NEWER, put_back[0], put_back[1], "DROP TABLE kept_chains"]).await;
    }

    async fn found(&self) -> Vec<Finding> {
        self.app.store.verify_audit().await.unwrap().unwrap().findings
    }

    async fn anchors(&self) -> u64 {
        self.app.store.verify_audit().await.unwrap().unwrap().anchors
    }

    async fn told_of_rewinding(&self) -> usize {
        self.app.tell_rewound().await;
        self.events_of("audit.rewound").await.len()
    }
}

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
    assert_eq!(server.told_of_rewinding().await, 0);
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
    assert_eq!(server.told_of_rewinding().await, 1, "a server that runs remembers");
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
    assert_eq!(server.told_of_rewinding().await, 0);
    node.app.tell_rewound().await;
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

/// At its next write, or at its next anchor when it has nothing to write.
async fn a_server_tells_of_its_chain_that_was_put_back(engine: Engine) {
    for writes in [true, false] {
        let server = TestServer::start(engine).await;
        server.login().await.ok();
        server.note_chains().await;
        server.login().await.ok();
        server.put_chains_back().await;
        if writes {
            server.login().await.ok();
        } else {
            server.app.anchor_audit(false).await;
        }
        assert_eq!((server.told_of_rewinding().await, server.told_of_rewinding().await), (1, 1), "once");
        let told = server.event("audit.rewound").await;
        assert_eq!((told.actor.as_str(), told.reason.as_deref()), ("server", Some("event 2 was its last, and 1 is")));
        assert!(told.target.is_some());
        let findings = server.found().await;
        assert!(matches!(findings[..], [Finding::Told { .. }]), "{findings:?}");
        let metrics = server.app.metrics.render(server.app.registry.age());
        assert!(metrics.contains("\ntokend_audit_rewound_total 1\n"), "{metrics}");
    }
}

/// A chain that no process writes any more is in the memory of those that anchored it.
async fn a_server_tells_of_other_chains_that_were_put_back(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    server.at(&node).login().await.ok();
    server.note_chains().await;
    server.at(&node).login().await.ok();
    server.app.anchor_audit(false).await;
    let of_node = "writer IN (SELECT writer FROM kept_chains WHERE seq > 0)";
    server
        .run(&[
            &format!("DELETE FROM audit_events WHERE seq > 1 AND {of_node}"),
            &format!(
                "UPDATE audit_chains SET seq = k.seq, seal = k.seal, head_seal = k.head_seal FROM kept_chains k \
                      WHERE audit_chains.writer = k.writer AND audit_chains.{of_node}"
            ),
        ])
        .await;
    server.app.anchor_audit(false).await;
    assert_eq!(server.told_of_rewinding().await, 1);
}

/// What an operator has looked into is no finding any more, and what comes after it is.
async fn a_trail_that_was_sealed_again_begins_there(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.login().await.ok();
    server.note_chains().await;
    server.login().await.ok();
    server.app.anchor_audit(true).await;
    server.put_chains_back().await;
    server.login().await.ok();
    assert_eq!(server.told_of_rewinding().await, 1);
    server.run(&["UPDATE audit_register SET seal = NULL"]).await;
    assert_eq!(server.found().await.len(), 3);
    let store = server.database.open_again().await;
    store.keep_audit(trail_keys(), Keeping { retention: 0, shared: true });
    let acting = Acting { actor: Actor::Operator(0), at: server.clock.now(), requester: None };
    let chains = store.by(acting).seal_audit().await.unwrap();
    assert!(chains.is_some_and(|chains| chains >= 3), "{chains:?}");
    server.assert_whole().await;
    server.login().await.ok();
    server.app.anchor_audit(false).await;
    server.assert_whole().await;
    server.run(&["DELETE FROM audit_anchors WHERE seq > 1"]).await;
    assert!(matches!(server.found().await[..], [Finding::Anchor { .. }]));
}

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
    let listed = server.app.store.verify_audit().await.unwrap().unwrap();
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
        app.tell_rewound().await;
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
    commands.keep_audit(trail_keys(), Keeping { retention: 86_400, shared: true });
    let told = |at| Acting { actor: Actor::Operator(0), at, requester: None };
    for _ in 0..2 {
        commands.by(told(server.clock.now())).set_recovery(None).await.unwrap();
        server.app.anchor_audit(true).await;
        server.clock.advance(86_400);
        assert!(server.app.purge_audit().await.unwrap() > 0);
        server.assert_whole().await;
    }
    commands.by(told(server.clock.now())).set_recovery(None).await.unwrap();
    assert_eq!(server.events_of("recovery.closed").await.len(), 1);
    server.assert_whole().await;
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
    a_server_tells_of_its_chain_that_was_put_back,
    a_server_tells_of_other_chains_that_were_put_back,
    a_trail_that_was_sealed_again_begins_there,
    anchors_and_the_purge_agree,
    the_chain_of_commands_outlives_its_events,
    a_list_has_every_chain,
);
