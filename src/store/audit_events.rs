//! The tables of the audit trail. An event is written in the transaction of the change that it tells of, at the end of a chain
//! that only this process writes; several transactions at once take several chains. All commands share one chain.

mod anchor;
mod append;
mod listing;
mod log;
mod memory;
mod purge;
mod read;
mod register;
mod verify;

pub use anchor::{Anchored, TrailState};
pub(super) use append::{Append, telling};
pub use listing::{ChainEnds, EventQuery, NamedEvent};
pub(super) use log::AuditLog;
pub use memory::Rewound;
pub use read::AuditFilter;
pub(super) use register::begin;
pub use verify::{Finding, Verified};

use super::db::{Db, Unit, sql};
use super::{Store, StoreError};
use crate::audit::{AuditEvent, AuditKeys, Link, Seal};
use crate::clock::Seconds;
use crate::store::batch::Statement;

const INSERT: &str = "INSERT INTO audit_events (writer, seq, at, kind, count, reason, actor, user_id, client_id, \
     session_id, jti, target, address, user_agent, request_id, seal) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

const OPEN: &str = "INSERT INTO audit_chains (writer, seq, seal, head_seal, start_seq, start_after, start_seal) \
     VALUES ($1, 0, $2, $3, 0, $2, $4)";

/// How a process keeps the trail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keeping {
    /// For how long events are kept, in seconds; 0: for ever.
    pub retention: Seconds,
    /// Whether the process writes the chain that all commands share, rather than chains of its own.
    pub shared: bool,
}

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
        self.hot.events.ask(event).await
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

async fn insert(unit: &mut Unit, event: &AuditEvent, link: Link) -> Result<(), StoreError> {
    sql!(
        unit,
        execute,
        INSERT,
        link.writer,
        link.seq,
        event.at,
        &*event.kind,
        event.count,
        event.reason.as_deref(),
        event.actor.as_str(),
        event.user_id.map(|id| id.0),
        event.client_id.as_deref(),
        event.session_id.map(|id| id.0),
        event.jti,
        event.target.as_deref(),
        event.address.as_deref(),
        event.user_agent.as_deref(),
        event.request_id.as_deref(),
        link.seal.as_slice(),
    )
    .map(drop)
}

fn seal_of(bytes: &[u8]) -> Result<Seal, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Unreadable("audit seal"))
}

/// A lane of events that come with no change.
pub(super) struct Events {
    db: Db,
    audit: AuditLog,
}

impl Events {
    pub(super) fn new(db: &Db, audit: &AuditLog) -> Self {
        Self { db: db.clone(), audit: audit.clone() }
    }
}

impl Statement for Events {
    type Item = AuditEvent;
    type Outcome = ();

    async fn run(&mut self, events: &[AuditEvent]) -> Result<Vec<()>, StoreError> {
        let unit = self.db.begin().await?;
        let told = self.audit.commit(unit, events.iter().cloned()).await;
        told.inspect_err(|error| self.db.condition().note_final(error))?;
        Ok(vec![(); events.len()])
    }
}
