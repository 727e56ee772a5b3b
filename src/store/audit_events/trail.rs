//! The audit trail of a store; the files beside this one add its methods.

use super::log::Keeping;
use crate::audit::{AuditEvent, AuditKeys};
use crate::store::StoreError;
use crate::store::table::table;

table!(audit: Audit, ActingAudit);

impl Audit<'_> {
    /// Records changes from now on, sealed with the first of these keys.
    pub fn keep(self, keys: AuditKeys, keeping: Keeping) {
        self.store.audit.keep(keys, keeping);
    }

    /// Whether this process found a part of the trail that isn't as it was written.
    pub fn is_altered(self) -> bool {
        self.store.audit.writer().is_some_and(|writer| writer.memory.has_altered())
    }

    /// Records an event without a change in the database.
    pub async fn record(self, event: AuditEvent) -> Result<(), StoreError> {
        self.store.lanes.events.ask(event).await
    }
}
