//! The audit trail: everything that matters is in it, told with the change itself, and nobody can alter it unseen.

mod anchored;
mod explained;
mod told;
mod whole;

use tokend::audit::AuditEvent;
use tokend::store::audit_events::AuditFilter;

use crate::harness::TestServer;

impl TestServer {
    /// Every event, the oldest first, failures that were repeated among them.
    async fn events(&self) -> Vec<AuditEvent> {
        self.app.tell_repeated(true).await;
        let mut events = self.app.store.list_events(AuditFilter::All, 0, 100_000).await.unwrap();
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
        let verified = self.app.store.verify_audit().await.unwrap().expect("the keys are known");
        assert_eq!(verified.findings, [], "{verified:?}");
        assert!(verified.events > 0);
    }
}
