//! Deletes events past their retention from the beginning of each chain, and records that in the trail. Altered events
//! stay, since deleting them would hide the alteration.

use uuid::Uuid;

use super::register::fold_into_register;
use super::row::{CHAIN, ChainRow, EventRow, ends, follow, select_events};
use super::trail::Audit;
use crate::audit::{AuditEvent, AuditKeys, COMMANDS, Link};
use crate::clock::UnixTime;
use crate::store::StoreError;
use crate::store::engine::sql;

/// How many events are deleted at once, since all others wait for SQLite's one writer.
const SLICE: i64 = 1_000;

/// The next chain whose first event is old. One whose first event is missing is for `verify` to find.
const NEXT: &str = "SELECT c.writer FROM audit_chains c JOIN audit_events e ON e.writer = c.writer AND e.seq = c.start_seq + 1 \
     WHERE c.writer > $1 AND e.at <= $2 ORDER BY c.writer LIMIT 1";

/// The first events, in their order: what follows one that is young stays, however old it says that it is, since a clock may have
/// been set back.
const FIRST: &str = select_events!("WHERE writer = $1 AND seq > $2 AND seq <= $3 ORDER BY seq");

/// Only from where it was seen to begin: another node may have deleted more.
const MOVE_START: &str = "UPDATE audit_chains SET start_seq = $3, start_after = $4, start_seal = $5 \
     WHERE writer = $1 AND start_seq = $2 AND seq >= $3";

/// A chain that somebody may still write to is left out by its number.
const DELETE_CHAIN: &str = "DELETE FROM audit_chains WHERE writer = $1 AND start_seq = $2 AND seq = $3";

const DELETE_EVENTS: &str = "DELETE FROM audit_events WHERE writer = $1 AND seq <= $2";

const DELETE_ANCHORS: &str = "DELETE FROM audit_anchors WHERE writer = $1 AND seq <= $2";

/// A chain from where it begins to the last event that is to be deleted.
struct Slice {
    from: Link,
    to: Link,
}

impl Audit<'_> {
    /// Deletes the events that happened at `before` or earlier, as far as all before them did. How many. `told` is the event
    /// that tells of it; `verify` believes that a chain is gone for its age when that event names a later moment.
    pub async fn purge(self, before: UnixTime, told: impl FnOnce(u64) -> AuditEvent) -> Result<u64, StoreError> {
        let Some(keys) = self.store.audit.keys() else { return Ok(0) };
        let (mut after, mut purged) = (Uuid::nil(), 0);
        while let Some(writer) = sql!(self.store.db.read().await?, value Uuid, NEXT, after, before)? {
            after = writer;
            while let Some(slice) = self.old_slice(keys, writer, before).await? {
                match self.delete_slice(keys, slice).await? {
                    0 => break,
                    deleted => purged += deleted,
                }
            }
        }
        if purged > 0 {
            self.record(told(purged).of(before.to_string())).await?;
        }
        Ok(purged)
    }

    /// The old events that a chain begins with, or some of them, if they are as they were written.
    async fn old_slice(self, keys: &AuditKeys, writer: Uuid, before: UnixTime) -> Result<Option<Slice>, StoreError> {
        let mut unit = self.store.db.begin_snapshot().await?;
        let Some(chain) = sql!(unit, optional ChainRow, CHAIN, writer)? else { return Ok(None) };
        let Some((from, end)) = ends(keys, &chain)? else { return Ok(self.altered(writer)) };
        let last = from.seq.saturating_add(SLICE);
        let rows = sql!(unit, all EventRow, FIRST, writer, from.seq, last)?;
        let old: Vec<EventRow> = rows.into_iter().take_while(|row| row.at <= before).collect();
        if old.is_empty() {
            return Ok(None);
        }
        let mut to = from;
        let is_whole = follow(keys, &mut to, old)?.is_none() && (to.seq < end.seq || to == end);
        Ok(if is_whole { Some(Slice { from, to }) } else { self.altered(writer) })
    }

    async fn delete_slice(self, keys: &AuditKeys, Slice { from, to }: Slice) -> Result<u64, StoreError> {
        let mut unit = self.store.db.begin().await?;
        let (after, sealed) = (to.seal.as_slice(), keys.start(to));
        // Commands go on with theirs, however old it is.
        let may_end = to.writer != COMMANDS;
        if may_end && sql!(unit, execute, DELETE_CHAIN, to.writer, from.seq, to.seq)? == 1 {
            if !fold_into_register(&mut unit.handle(), keys, to.writer).await? {
                self.store.audit.is_altered();
            }
        } else if sql!(unit, execute, MOVE_START, to.writer, from.seq, to.seq, after, sealed.as_slice())? == 0 {
            return Ok(0);
        }
        let deleted = sql!(unit, execute, DELETE_EVENTS, to.writer, to.seq)?;
        sql!(unit, execute, DELETE_ANCHORS, to.writer, to.seq)?;
        unit.commit().await?;
        Ok(deleted)
    }

    fn altered(self, writer: Uuid) -> Option<Slice> {
        tracing::error!(%writer, "a chain of the audit trail is not as it was written, and isn't purged: run tokend audit verify");
        self.store.audit.is_altered();
        None
    }
}
