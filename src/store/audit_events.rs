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
use super::engine::Unit;
use super::{Store, StoreError};
use crate::audit::{AuditEvent, AuditKeys};

impl Store {
    /// From here on changes are told to the trail, sealed with the first of these keys.
    pub fn keep_audit(&self, keys: AuditKeys, keeping: Keeping) {
        self.audit.keep(keys, keeping);
    }

    /// Whether this process found a part of the trail that isn't as it was written.
    pub fn audit_is_altered(&self) -> bool {
        self.audit.writer().is_some_and(|writer| writer.memory.has_altered())
    }

    /// Tells of something that changed nothing, or nothing that is in the database.
    pub async fn record(&self, event: AuditEvent) -> Result<(), StoreError> {
        self.lanes.events.ask(event).await
    }

    /// Commits a change together with the events that tell of it.
    pub(super) async fn commit(
        &self,
        unit: Unit,
        events: impl IntoIterator<Item = AuditEvent>,
    ) -> Result<(), StoreError> {
        self.audit.commit(unit, events).await
    }
}
