//! Deletes what is older than it has to be kept, from the beginning of each chain, and says so in the trail.

use uuid::Uuid;

use super::super::db::sql;
use super::super::{Store, StoreError};
use super::verify::ChainRow;
use super::{fold_into_register, seal_of};
use crate::audit::{AuditEvent, Link};
use crate::clock::UnixTime;

#[derive(sqlx::FromRow)]
struct LastRow {
    seq: i64,
    seal: Vec<u8>,
}

const CHAIN_AFTER: &str = "SELECT writer, seq, seal, head_seal, start_seq, start_after, start_seal FROM audit_chains \
     WHERE writer > $1 ORDER BY writer LIMIT 1";

/// The last event before the first that is kept: what follows it may be older, as of a clock that was set back.
const LAST_OLD: &str = "SELECT seq, seal FROM audit_events WHERE writer = $1 AND at <= $2 AND NOT EXISTS (\
     SELECT 1 FROM audit_events e WHERE e.writer = $1 AND e.at > $2 AND e.seq <= audit_events.seq) \
     ORDER BY seq DESC LIMIT 1";

const DELETE_EVENTS: &str = "DELETE FROM audit_events WHERE writer = $1 AND seq <= $2";

const MOVE_START: &str =
    "UPDATE audit_chains SET start_seq = $2, start_after = $3, start_seal = $4 WHERE writer = $1 AND seq > $2";

/// A chain that somebody may still write to is left out by its number.
const DELETE_CHAIN: &str = "DELETE FROM audit_chains WHERE writer = $1 AND seq = $2";

impl Store {
    /// Deletes the events that happened at `before` or earlier, as far as all before them did. How many. `told` is the event
    /// that tells of it.
    pub async fn purge_events(
        &self,
        before: UnixTime,
        told: impl FnOnce(u64) -> AuditEvent,
    ) -> Result<u64, StoreError> {
        let (mut after, mut purged) = (Uuid::nil(), 0);
        while let Some(chain) = sql!(self.read().await?, optional ChainRow, CHAIN_AFTER, after)? {
            after = chain.writer;
            purged += self.purge_chain(&chain, before).await?;
        }
        if purged > 0 {
            self.tell(told(purged)).await?;
        }
        Ok(purged)
    }

    async fn purge_chain(&self, chain: &ChainRow, before: UnixTime) -> Result<u64, StoreError> {
        let Some(keys) = self.audit.keys() else { return Ok(0) };
        let mut unit = self.begin().await?;
        let Some(last) = sql!(unit, optional LastRow, LAST_OLD, chain.writer, before)? else { return Ok(0) };
        let start = Link { writer: chain.writer, seq: last.seq, seal: seal_of(&last.seal)? };
        let sealed = keys.start(start);
        if sql!(unit, execute, DELETE_CHAIN, chain.writer, last.seq)? == 1 {
            fold_into_register(&mut unit, keys, chain.writer).await?;
        } else if sql!(unit, execute, MOVE_START, chain.writer, last.seq, last.seal.as_slice(), sealed.as_slice())? == 0
        {
            return Ok(0);
        }
        let purged = sql!(unit, execute, DELETE_EVENTS, chain.writer, last.seq)?;
        unit.commit().await?;
        Ok(purged)
    }
}
