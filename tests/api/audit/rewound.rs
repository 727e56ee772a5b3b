//! A server that runs remembers how far chains were, and tells of those that were put back.

use tokend::store::audit_events::Finding;

use crate::harness::{Engine, TestServer, on_both_databases};

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
        assert_eq!((server.reported_rewinding().await, server.reported_rewinding().await), (1, 1), "once");
        let told = server.event("audit.rewound").await;
        assert_eq!((told.actor.as_str(), told.reason.as_deref()), ("server", Some("event 2 was its last, and 1 is")));
        assert!(told.target.is_some());
        let findings = server.found().await;
        assert!(matches!(findings[..], [Finding::Told { .. }]), "{findings:?}");
        let metrics = server.app.render_metrics();
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
    assert_eq!(server.reported_rewinding().await, 1);
}

on_both_databases!(a_server_tells_of_its_chain_that_was_put_back, a_server_tells_of_other_chains_that_were_put_back,);
