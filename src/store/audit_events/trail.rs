//! The trail of a store: what each file beside this one adds to.

use super::log::Keeping;
use crate::audit::{AuditEvent, AuditKeys};
use crate::store::StoreError;
use crate::store::table::table;

table!(
    /// The tables of the audit trail.
    audit: Audit, ActingAudit
);

impl Audit<'_> {
    /// From here on changes are told to the trail, sealed with the first of these keys.
    pub fn keep(self, keys: AuditKeys, keeping: Keeping) {
        self.store.audit.keep(keys, keeping);
    }

    /// Whether this process found a part of the trail that isn't as it was written.
    pub fn is_altered(self) -> bool {
        self.store.audit.writer().is_some_and(|writer| writer.memory.has_altered())
    }

    /// Tells of something that changed nothing, or nothing that is in the database.
    pub async fn record(self, event: AuditEvent) -> Result<(), StoreError> {
        self.store.lanes.events.ask(event).await
    }
}
