//! The audit trail: everything that matters is in it, told with the change itself, and nobody can alter it unseen.

mod anchored;
mod begun;
mod explained;
mod purged;
mod rewound;
mod told;
mod whole;

use tokend::audit::AuditEvent;
use tokend::store::audit_events::{AuditFilter, Finding};

use crate::harness::TestServer;

const DELETE_NEWER: &str = "DELETE FROM audit_events WHERE seq > \
     COALESCE((SELECT k.seq FROM kept_chains k WHERE k.writer = audit_events.writer), 0)";

impl TestServer {
    /// Every event, the oldest first, failures that were repeated among them.
    async fn events(&self) -> Vec<AuditEvent> {
        self.app.record_repeats(true).await;
        let mut events = self.app.store.audit().list(AuditFilter::All, 0, 100_000).await.unwrap();
        events.reverse();
        events
    }

    /// The events of a kind.
    async fn events_of(&self, kind: &str) -> Vec<AuditEvent> {
        self.events().await.into_iter().filter(|event| event.kind == kind).collect()
    }

    /// The only event of a kind.
    async fn event(&self, kind: &str) -> AuditEvent {
        let mut events = self.events_of(kind).await;
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    async fn assert_whole(&self) {
        let verified = self.app.store.audit().verify().await.unwrap().expect("the keys are known");
        assert_eq!(verified.findings, [], "{verified:?}");
        assert!(verified.events > 0);
    }

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
        self.app.store.audit().verify().await.unwrap().unwrap().findings
    }

    async fn anchors(&self) -> u64 {
        self.app.store.audit().verify().await.unwrap().unwrap().anchors
    }

    async fn reported_rewinding(&self) -> usize {
        self.app.record_rewound().await;
        self.events_of("audit.rewound").await.len()
    }
}
