//! Writes events at the end of a chain, in the transaction of the change that they record. A server writes chains of
//! its own, one for each concurrent transaction. All commands share one chain, which each command locks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::memory::{Memory, Tip, start};
use super::register::open_chain;
use super::row::{CHAIN, ChainRow, ends, event_columns};
use crate::audit::{AuditEvent, AuditKeys, COMMANDS, ChainEnd, Link};
use crate::clock::{Seconds, UnixTime};
use crate::random;
use crate::store::engine::{StoreError, Unit, sql};

const INSERT: &str = concat!(
    "INSERT INTO audit_events (writer, ",
    event_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
);

/// Updates no row if the chain was deleted or another process has written to it.
const MOVE_HEAD: &str = "UPDATE audit_chains SET seq = $3, seal = $4, head_seal = $5 \
     WHERE writer = $1 AND seq = $2";

const LOCK: &str = "UPDATE audit_chains SET seq = seq WHERE writer = $1";

const SEQ: &str = "SELECT seq FROM audit_chains WHERE writer = $1";

/// How a process keeps the trail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keeping {
    /// For how long events are kept, in seconds; 0: for ever.
    pub retention: Seconds,
    /// Whether the process writes the chain that all commands share, rather than chains of its own.
    pub shared: bool,
}

/// What the process needs to write the trail: set once, as soon as the master secrets are known.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct AuditLog(Arc<OnceLock<Writer>>);

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) keys: AuditKeys,
    pub(super) keeping: Keeping,
    pub(super) memory: Memory,
    wrote: AtomicBool,
}

/// A chain head advanced in an open transaction. Reuse it only after COMMIT has succeeded: otherwise the chain's end isn't known.
#[must_use]
pub(in crate::store) struct Written(Option<Tip>);

impl Written {
    pub(super) fn last(&self) -> Option<Link> {
        self.0.map(|tip| tip.end.link)
    }
}

impl AuditLog {
    pub(super) fn keep(&self, keys: AuditKeys, keeping: Keeping) {
        let _ = self.0.set(Writer { keys, keeping, memory: Memory::default(), wrote: AtomicBool::new(false) });
    }

    pub(super) fn writer(&self) -> Option<&Writer> {
        self.0.get()
    }

    /// Takes note of a part of the trail that isn't as it was written.
    pub(super) fn is_altered(&self) {
        if let Some(writer) = self.0.get() {
            writer.memory.is_altered();
        }
    }

    pub(super) fn keys(&self) -> Option<&AuditKeys> {
        self.0.get().map(|writer| &writer.keys)
    }

    /// Commits a change together with the events that tell of it.
    pub(in crate::store) async fn commit(
        &self,
        mut unit: Unit,
        events: impl IntoIterator<Item = AuditEvent>,
    ) -> Result<(), StoreError> {
        let events: Vec<AuditEvent> = events.into_iter().collect();
        let written = self.write(&mut unit, &events).await?;
        unit.commit().await?;
        self.committed(written);
        Ok(())
    }

    pub(super) async fn write(&self, unit: &mut Unit, events: &[AuditEvent]) -> Result<Written, StoreError> {
        let Some(writer) = self.0.get().filter(|_| !events.is_empty()) else { return Ok(Written(None)) };
        let found = if writer.keeping.shared { writer.lock_shared(unit).await? } else { writer.memory.take() };
        if let Some(tip) = found {
            if let Some(end) = writer.append(unit, tip.end.link, events).await? {
                return Ok(Written(Some(tip.at(end))));
            }
            let found = sql!(unit, value i64, SEQ, tip.end.link.writer)?;
            writer.memory.is_not_at(tip, found);
        }
        let tip = writer.open(unit).await?;
        let end = writer.append(unit, tip.end.link, events).await?.ok_or(StoreError::Unreadable("audit_chains"))?;
        Ok(Written(Some(tip.at(end))))
    }

    pub(super) fn committed(&self, Written(tip): Written) {
        let (Some(writer), Some(tip)) = (self.0.get(), tip) else { return };
        writer.wrote.store(true, Ordering::Relaxed);
        if !writer.keeping.shared {
            writer.memory.free(tip);
        }
    }
}

impl Writer {
    pub(super) fn has_written(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    async fn open(&self, unit: &mut Unit) -> Result<Tip, StoreError> {
        let end = start(random::uuid());
        if !open_chain(&mut unit.handle(), &self.keys, end.link).await? {
            self.memory.is_altered();
        }
        Ok(self.memory.opened(end))
    }

    /// The end of the chain that commands share, locked until the transaction ends. `None` when it was altered: adding
    /// to it would seal the alteration.
    async fn lock_shared(&self, unit: &mut Unit) -> Result<Option<Tip>, StoreError> {
        sql!(unit, execute, LOCK, COMMANDS)?;
        let row = sql!(unit, optional ChainRow, CHAIN, COMMANDS)?;
        let end = row.as_ref().map(|row| ends(&self.keys, row)).transpose()?;
        match end {
            Some(Some((_, link))) => return Ok(Some(self.memory.opened(ChainEnd { link, at: 0 }))),
            Some(None) => self.memory.is_wrong(COMMANDS, "where it begins or ends was changed"),
            None => self.memory.is_wrong(COMMANDS, "the chain of commands is gone"),
        }
        Ok(None)
    }

    /// A link for each of the events, after `from`.
    pub(super) fn extend<'a>(&self, from: Link, events: impl Iterator<Item = &'a AuditEvent>) -> Vec<Link> {
        let next = |link: &mut Link, event| {
            *link = self.keys.extend(*link, event);
            Some(*link)
        };
        events.scan(from, next).collect()
    }

    /// Moves the head first, so that no event is added to a chain that isn't as this process left it. `None` when it
    /// isn't.
    async fn append(&self, unit: &mut Unit, from: Link, events: &[AuditEvent]) -> Result<Option<ChainEnd>, StoreError> {
        let links = self.extend(from, events.iter());
        let (Some(last), Some(at)) = (links.last().copied(), last_time(events)) else { return Ok(None) };
        let head = self.keys.head(last);
        let (seal, head) = (last.seal.as_slice(), head.as_slice());
        if sql!(unit, execute, MOVE_HEAD, from.writer, from.seq, last.seq, seal, head)? == 0 {
            return Ok(None);
        }
        for (event, link) in events.iter().zip(&links) {
            insert(unit, event, *link).await?;
        }
        Ok(Some(ChainEnd { link: last, at }))
    }
}

/// When the last of these events happened.
pub(super) fn last_time<'a>(events: impl IntoIterator<Item = &'a AuditEvent>) -> Option<UnixTime> {
    events.into_iter().last().map(|event| event.at)
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
