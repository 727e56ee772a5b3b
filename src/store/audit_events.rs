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
mod trail;
mod verify;

pub use self::anchor::{Anchored, TrailState};
pub use self::listing::{ChainEnds, EventQuery, NamedEvent};
pub use self::log::Keeping;
pub use self::memory::Rewound;
pub use self::read::AuditFilter;
pub use self::trail::{ActingAudit, Audit};
pub use self::verify::{Finding, Verified};
