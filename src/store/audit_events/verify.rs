//! Goes through the whole trail and says what isn't as it was written.

use uuid::Uuid;

use super::super::db::sql;
use super::super::{Store, StoreError};
use super::read::{EventRow, select_events};
use super::{REGISTER, RegisterRow, is_sealed, seal_of};
use crate::audit::{AuditEvent, AuditKeys, Link, Seal, fold_in};

/// How many events are read at once.
const PAGE: i64 = 1_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many events were looked at.
    pub events: u64,
    /// In how many chains.
    pub chains: u64,
    /// What is wrong; empty when nothing is.
    pub findings: Vec<Finding>,
}

/// Something that isn't as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Chains are missing, or there are some that nobody opened.
    #[error("the register doesn't know these chains: one is missing, or one was added")]
    Register,
    /// The seal of where a chain begins or ends is wrong.
    #[error("chain {writer}: where it begins or ends was changed")]
    Ends {
        /// Of the chain.
        writer: Uuid,
    },
    /// An event isn't the next one of its chain: it was changed, or one before it is missing.
    #[error("chain {writer}: event {seq} was changed, or follows one that is missing")]
    Event {
        /// Of the chain.
        writer: Uuid,
        /// The number of the event.
        seq: i64,
    },
    /// The chain has fewer or more events than it had.
    #[error("chain {writer}: its end is missing, or something was added to it")]
    Cut {
        /// Of the chain.
        writer: Uuid,
    },
    /// Events of a chain that isn't there.
    #[error("there are events of chain {writer}, which is not there")]
    Orphans {
        /// Of the chain.
        writer: Uuid,
    },
}

#[derive(sqlx::FromRow)]
pub(super) struct ChainRow {
    writer: Uuid,
    seq: i64,
    seal: Vec<u8>,
    head_seal: Vec<u8>,
    start_seq: i64,
    start_after: Vec<u8>,
    start_seal: Vec<u8>,
}

#[derive(sqlx::FromRow)]
pub(super) struct WriterRow {
    pub(super) writer: Uuid,
}

const WRITERS: &str = "SELECT writer FROM audit_chains";

pub(super) const CHAIN: &str = "SELECT writer, seq, seal, head_seal, start_seq, start_after, start_seal FROM audit_chains \
     WHERE writer = $1";

const EVENTS: &str = select_events!("WHERE writer = $1 AND seq > $2 ORDER BY seq LIMIT $3");

const ORPHANS: &str = "SELECT DISTINCT e.writer FROM audit_events e \
     WHERE NOT EXISTS (SELECT 1 FROM audit_chains c WHERE c.writer = e.writer)";

impl Store {
    /// Looks at every event of every chain. `None` without the keys, which the master secrets derive.
    pub async fn verify_audit(&self) -> Result<Option<Verified>, StoreError> {
        let Some(keys) = self.audit.keys() else { return Ok(None) };
        let mut verified = Verified::default();
        for writer in self.verify_register(keys, &mut verified.findings).await? {
            self.verify_chain(keys, writer, &mut verified).await?;
        }
        Ok(Some(verified))
    }

    /// Which chains there are. Read in one moment, so that one that is opened meanwhile is seen whole or not at all.
    async fn verify_register(&self, keys: &AuditKeys, findings: &mut Vec<Finding>) -> Result<Vec<Uuid>, StoreError> {
        let mut unit = self.begin_snapshot().await?;
        let writers: Vec<Uuid> = sql!(unit, all WriterRow, WRITERS)?.into_iter().map(|row| row.writer).collect();
        let orphans = sql!(unit, all WriterRow, ORPHANS)?;
        let register = sql!(unit, optional RegisterRow, REGISTER)?;
        let mut folded: Seal = [0; 32];
        for writer in &writers {
            fold_in(&mut folded, *writer);
        }
        if !register.is_some_and(|row| row.writers == folded && is_sealed(keys, &row)) {
            findings.push(Finding::Register);
        }
        findings.extend(orphans.into_iter().map(|row| Finding::Orphans { writer: row.writer }));
        Ok(writers)
    }

    /// One chain, as it is at one moment. One that has been deleted for its age meanwhile is as it should be.
    async fn verify_chain(&self, keys: &AuditKeys, writer: Uuid, verified: &mut Verified) -> Result<(), StoreError> {
        let mut unit = self.begin_snapshot().await?;
        let Some(chain) = sql!(unit, optional ChainRow, CHAIN, writer)? else { return Ok(()) };
        verified.chains += 1;
        let Some((mut link, end)) = ends(keys, &chain)? else {
            verified.findings.push(Finding::Ends { writer });
            return Ok(());
        };
        loop {
            let rows = sql!(unit, all EventRow, EVENTS, writer, link.seq, PAGE)?;
            if rows.is_empty() {
                break;
            }
            verified.events += u64::try_from(rows.len()).unwrap_or_default();
            if let Some(seq) = follow(keys, &mut link, rows)? {
                verified.findings.push(Finding::Event { writer, seq });
                return Ok(());
            }
        }
        if link != end {
            verified.findings.push(Finding::Cut { writer });
        }
        Ok(())
    }
}

/// Where a chain begins and where it ends, if both are as they were sealed.
pub(super) fn ends(keys: &AuditKeys, chain: &ChainRow) -> Result<Option<(Link, Link)>, StoreError> {
    let start = Link { writer: chain.writer, seq: chain.start_seq, seal: seal_of(&chain.start_after)? };
    let end = Link { writer: chain.writer, seq: chain.seq, seal: seal_of(&chain.seal)? };
    let sealed = keys.is_start(start, &chain.start_seal) && keys.is_head(end, &chain.head_seal);
    Ok(sealed.then_some((start, end)))
}

/// Follows a chain along its events; the number of the first that isn't the next one.
pub(super) fn follow(keys: &AuditKeys, link: &mut Link, rows: Vec<EventRow>) -> Result<Option<i64>, StoreError> {
    for row in rows {
        let (seq, seal) = (row.seq, row.seal.clone());
        let event = AuditEvent::from(row);
        if seq != link.seq.saturating_add(1) || !keys.is_next(*link, &event, &seal) {
            return Ok(Some(seq));
        }
        *link = Link { writer: link.writer, seq, seal: seal_of(&seal)? };
    }
    Ok(None)
}
