//! The tables of the audit trail. An event is written in the transaction of the change that it tells of, at the end of a chain
//! that only this process writes; several transactions at once take several chains. All commands share one chain.

mod anchor;
pub(super) mod append;
pub(super) mod events;
mod listing;
pub(super) mod log;
mod memory;
mod purge;
mod read;
pub(super) mod register;
mod row;
mod verify;

pub use self::anchor::{Anchored, TrailState};
pub use self::listing::{ChainEnds, EventQuery, NamedEvent};
pub use self::log::Keeping;
pub use self::memory::Rewound;
pub use self::read::AuditFilter;
pub use self::verify::{Finding, Verified};
use super::StoreError;
use super::table::table;
use crate::audit::{AuditEvent, AuditKeys};

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
