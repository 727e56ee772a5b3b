//! Anchors: an event that holds the digest of where all chains ended, and the list beside it. The first anchor of a process has all
//! chains, each later one those that have moved since: what an anchor says of the others is sealed in the chain that it is in.

use super::log::{AuditLog, Writer};
use super::memory::Rewound;
use super::register::seal_again;
use super::row::seal_of;
use super::trail::{ActingAudit, Audit};
use crate::audit::{AuditEvent, COMMANDS, ChainEnd, EventKind, Link, digest_of, list_of};
use crate::clock::{NEVER, Seconds, UnixTime};
use crate::store::StoreError;
use crate::store::engine::{Unit, from_row, sql};

/// By how much the clock of a purging node may be ahead.
const SLACK: Seconds = 3_600;

/// How often commands anchor more than their own chain.
const EVERY: Seconds = 60;

/// An end without its event is the end of a chain that the purge has emptied.
const CHAINS: &str = "SELECT c.writer, c.seq, c.seal, e.at FROM audit_chains c \
     LEFT JOIN audit_events e ON e.writer = c.writer AND e.seq = c.seq";

const OTHER_THAN_ANCHOR: &str =
    "SELECT seq FROM audit_events WHERE writer = $1 AND seq > $2 AND kind <> 'audit.anchored' LIMIT 1";

const INSERT_LIST: &str = "INSERT INTO audit_anchors (writer, seq, at, chains) VALUES ($1, $2, $3, $4)";

const LAST: &str = "SELECT at FROM audit_anchors WHERE writer = $1 ORDER BY seq DESC LIMIT 1";

const DELETE_LOST: &str = "DELETE FROM audit_anchors WHERE NOT EXISTS \
     (SELECT 1 FROM audit_events e WHERE e.writer = audit_anchors.writer AND e.seq = audit_anchors.seq)";

const STATE: &str = "SELECT CAST(CASE WHEN seal IS NULL THEN 0 WHEN EXISTS (SELECT 1 FROM audit_anchors) THEN 2 ELSE 1 END \
     AS BIGINT) FROM audit_register WHERE id = 1";

const ANCHOR: &str = "SELECT seq FROM audit_events WHERE kind = 'audit.anchored' AND target = $1 LIMIT 1";

from_row! {
    struct EndRow {
        writer: uuid::Uuid,
        seq: i64,
        seal: Vec<u8>,
        at: Option<i64>,
    }
}

/// An anchor that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// The SHA-256 of its list, in hexadecimal.
    pub digest: String,
    /// How many chains the list has.
    pub chains: usize,
}

/// How far the trail is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailState {
    /// The register has no seal.
    Unsealed,
    /// There is no anchor yet.
    NotAnchored,
    /// There are anchors.
    Anchored,
}

impl Audit<'_> {
    /// Writes an anchor, as `event`, if any chain has moved since the last one of this process, anchors aside, or `always`. Takes note
    /// of chains that are behind.
    pub async fn anchor(self, event: AuditEvent, always: bool) -> Result<Option<Anchored>, StoreError> {
        let Some(writer) = self.store.audit.writer() else { return Ok(None) };
        let _ = writer.memory.is_on(self.store.timeline().await);
        // Read before the chains: those can only have advanced since.
        let known = writer.memory.known();
        let mut unit = self.store.db.begin_snapshot().await?;
        let ends = chain_ends(&mut unit).await?;
        let mut moved = writer.memory.compare(&known, &ends);
        if writer.keeping.shared && is_after_another(&mut unit, event.at).await? {
            moved.retain(|(end, _)| end.link.writer == COMMANDS);
        }
        if !always && !has_other_than_anchors(&mut unit, &moved).await? {
            return Ok(None);
        }
        drop(unit);
        let moved: Vec<ChainEnd> = moved.into_iter().map(|(end, _)| end).collect();
        let anchored = write(&self.store.audit, self.store.db.begin().await?, event, &moved).await?;
        writer.memory.anchored(ends);
        Ok(Some(anchored))
    }

    /// Whether this process has written events, apart from those that came with a sign-in.
    pub fn has_recorded(self) -> bool {
        self.store.audit.writer().is_some_and(Writer::has_written)
    }

    /// Records each chain that was found behind, as `event`, and returns them. Chains that the purge may have deleted
    /// are left out, and so are all when the database is on another timeline: then it has lost commits, and every chain
    /// is behind.
    pub async fn record_rewound(self, event: &AuditEvent) -> Result<Vec<Rewound>, StoreError> {
        let Some(writer) = self.store.audit.writer().filter(|writer| writer.memory.has_rewound()) else {
            return Ok(Vec::new());
        };
        if !writer.memory.is_on(self.store.timeline().await) {
            return Ok(Vec::new());
        }
        let rewound = writer.memory.rewound(purged_until(event.at, writer.keeping.retention));
        for found in &rewound {
            self.record(event.clone().of(found.writer.to_string()).because(&found.reason)).await?;
            writer.memory.told(found);
        }
        Ok(rewound)
    }

    /// Waits until a chain is found that isn't where this process left it; for ever without the keys.
    pub async fn rewound_is_found(self) {
        match self.store.audit.writer() {
            Some(writer) => writer.memory.is_found().await,
            None => std::future::pending().await,
        }
    }

    /// Whether there is an anchor of this digest.
    pub async fn has_anchor(self, digest: &str) -> Result<bool, StoreError> {
        Ok(sql!(self.store.db.read().await?, value i64, ANCHOR, digest)?.is_some())
    }

    /// How far the trail is protected.
    pub async fn state(self) -> Result<TrailState, StoreError> {
        Ok(match sql!(self.store.db.write().await?, value i64, STATE)? {
            Some(2) => TrailState::Anchored,
            Some(1) => TrailState::NotAnchored,
            _ => TrailState::Unsealed,
        })
    }
}

impl ActingAudit<'_> {
    /// Accepts the trail as it is as its beginning: earlier anchors and findings about chains count no more. The number
    /// of chains; `None` without the keys.
    pub async fn seal(self) -> Result<Option<usize>, StoreError> {
        let Some(keys) = self.store.audit.keys() else { return Ok(None) };
        let mut unit = self.store.db.begin().await?;
        seal_again(&mut unit.handle(), keys).await?;
        sql!(unit, execute, DELETE_LOST)?;
        let ends = chain_ends(&mut unit).await?;
        write(&self.store.audit, unit, self.acting.event(EventKind::AuditSealed), &ends)
            .await
            .map(|anchored| Some(anchored.chains))
    }
}

/// Writes an event that holds the digest of a list, and the list beside it.
async fn write(audit: &AuditLog, mut unit: Unit, event: AuditEvent, ends: &[ChainEnd]) -> Result<Anchored, StoreError> {
    let list = list_of(ends);
    let anchored = Anchored { digest: digest_of(&list), chains: ends.len() };
    let event = event.of(anchored.digest.clone());
    let written = audit.write(&mut unit, std::slice::from_ref(&event)).await?;
    if let Some(Link { writer, seq, .. }) = written.last() {
        sql!(unit, execute, INSERT_LIST, writer, seq, event.at, list.as_slice())?;
    }
    unit.commit().await?;
    audit.committed(written);
    Ok(anchored)
}

async fn chain_ends(unit: &mut Unit) -> Result<Vec<ChainEnd>, StoreError> {
    sql!(unit, all EndRow, CHAINS)?.into_iter().map(ChainEnd::try_from).collect()
}

/// Whether a command has anchored all chains within the last minute. Otherwise a thousand commands in a row would fill
/// the disk with lists.
async fn is_after_another(unit: &mut Unit, now: UnixTime) -> Result<bool, StoreError> {
    let last = sql!(unit, value UnixTime, LAST, COMMANDS)?;
    Ok(last.is_some_and(|at| (0..EVERY).contains(&now.saturating_sub(at))))
}

/// Whether a chain has new events other than anchors. If anchors counted, two nodes would anchor each other for ever.
async fn has_other_than_anchors(unit: &mut Unit, moved: &[(ChainEnd, i64)]) -> Result<bool, StoreError> {
    for (end, from) in moved {
        if sql!(unit, value i64, OTHER_THAN_ANCHOR, end.link.writer, *from)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn purged_until(now: UnixTime, retention: Seconds) -> UnixTime {
    if retention == 0 { UnixTime::MIN } else { now.saturating_sub(retention).saturating_add(SLACK) }
}

impl TryFrom<EndRow> for ChainEnd {
    type Error = StoreError;

    fn try_from(EndRow { writer, seq, seal, at }: EndRow) -> Result<Self, StoreError> {
        // The purge never deletes the chain of commands, nor one that it has emptied.
        let at = if writer == COMMANDS { NEVER } else { at.unwrap_or(NEVER) };
        Ok(Self { link: Link { writer, seq, seal: seal_of(&seal)? }, at })
    }
}
