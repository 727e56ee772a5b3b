//! Verifies the whole trail: each chain by itself, then what anchors say about all chains.

mod claims;
mod finding;

use std::collections::HashMap;

use uuid::Uuid;

use self::claims::Claims;
pub use self::finding::{Finding, Verified};
use super::log::Writer;
use super::register::{REGISTER, RegisterRow, WRITERS, folded, is_sealed};
use super::row::{CHAIN, ChainRow, EventRow, PAGE, ends, follow, select_events};
use super::trail::Audit;
use crate::audit::{AuditKeys, EventKind, Link, digest_of, ends_in};
use crate::clock::UnixTime;
use crate::store::StoreError;
use crate::store::engine::{Unit, from_row, sql};

from_row! {
    struct ListRow {
        writer: Uuid,
        seq: i64,
        chains: Vec<u8>,
    }
}

from_row! {
    struct LostRow {
        writer: Uuid,
        at: i64,
    }
}

const EVENTS: &str = select_events!("WHERE writer = $1 AND seq > $2 ORDER BY seq LIMIT $3");

const ORPHANS: &str = "SELECT DISTINCT e.writer FROM audit_events e \
     WHERE NOT EXISTS (SELECT 1 FROM audit_chains c WHERE c.writer = e.writer)";

/// Version 0.1.0 deletes events for their age and leaves their lists.
const LOST_LISTS: &str = "SELECT a.writer, MAX(a.at) AS at FROM audit_anchors a \
     WHERE NOT EXISTS (SELECT 1 FROM audit_chains c WHERE c.writer = a.writer) GROUP BY a.writer";

const LISTS: &str = "SELECT writer, seq, chains FROM audit_anchors WHERE writer = $1 AND seq > $2 AND seq <= $3";

const SEALED_LISTS: &str = "SELECT a.writer, a.seq, a.chains FROM audit_anchors a \
     JOIN audit_events e ON e.writer = a.writer AND e.seq = a.seq WHERE e.kind = 'audit.sealed'";

/// What is known of the trail so far.
#[derive(Default)]
struct Walk {
    verified: Verified,
    /// Up to which event an operator accepted each chain as it was.
    accepted: HashMap<Uuid, i64>,
    /// What anchors say of chains.
    claims: Claims,
    /// The end of each chain that was there.
    walked: Vec<Uuid>,
    /// When the newest event happened.
    newest: UnixTime,
    /// Up to which moment events were deleted for their age, as the trail itself tells.
    purged: UnixTime,
    /// Chains that are gone, and when the newest of their lists was written.
    lost: Vec<LostRow>,
}

impl Audit<'_> {
    /// Looks at every event of every chain. `None` without the keys, which the master secrets derive.
    pub async fn verify(self) -> Result<Option<Verified>, StoreError> {
        let Some(Writer { keys, keeping, .. }) = self.store.audit.writer() else { return Ok(None) };
        let mut walk = Walk { purged: UnixTime::MIN, ..Walk::default() };
        walk.walked = self.verify_register(keys, &mut walk).await?;
        for writer in walk.walked.clone() {
            self.verify_chain(keys, writer, &mut walk).await?;
        }
        let aged = if keeping.retention == 0 { UnixTime::MIN } else { walk.newest.saturating_sub(keeping.retention) };
        let purged = walk.purged.max(aged);
        for lost in walk.lost.iter().filter(|lost| lost.at > purged) {
            walk.verified.findings.push(Finding::Orphans { writer: lost.writer });
        }
        let Walk { mut verified, claims, walked, .. } = walk;
        for (writer, claimed) in claims.into_sorted() {
            let found = self.verify_claims(keys, writer, &claimed).await?;
            // A chain that was there a moment ago has been deleted for its age.
            let is_purged = || walked.contains(&writer) || claimed.newest_at() <= purged;
            verified.findings.extend(found.filter(|found| !(matches!(found, Finding::Gone { .. }) && is_purged())));
        }
        Ok(Some(verified))
    }

    /// Which chains there are. Read in one moment, so that one that is opened meanwhile is seen whole or not at all.
    async fn verify_register(self, keys: &AuditKeys, walk: &mut Walk) -> Result<Vec<Uuid>, StoreError> {
        let mut unit = self.store.db.begin_snapshot().await?;
        let writers = sql!(unit, values Uuid, WRITERS)?;
        let orphans = sql!(unit, values Uuid, ORPHANS)?;
        let register = sql!(unit, optional RegisterRow, REGISTER)?;
        let findings = &mut walk.verified.findings;
        match register {
            Some(row) if row.is_unsealed() => findings.push(Finding::Unsealed),
            Some(row) if row.writers == folded(&writers) && is_sealed(keys, &row) => {}
            _ => findings.push(Finding::Register),
        }
        findings.extend(orphans.iter().map(|&writer| Finding::Orphans { writer }));
        let is_new = |lost: &LostRow| !orphans.contains(&lost.writer);
        walk.lost = sql!(unit, all LostRow, LOST_LISTS)?.into_iter().filter(is_new).collect();
        for end in sql!(unit, all ListRow, SEALED_LISTS)?.iter().filter_map(|row| ends_in(&row.chains)).flatten() {
            let accepted = walk.accepted.entry(end.link.writer).or_default();
            *accepted = end.link.seq.max(*accepted);
        }
        Ok(writers)
    }

    /// One chain, as it is at one moment. One that has been deleted for its age meanwhile is as it should be.
    async fn verify_chain(self, keys: &AuditKeys, writer: Uuid, walk: &mut Walk) -> Result<(), StoreError> {
        let mut unit = self.store.db.begin_snapshot().await?;
        let Some(chain) = sql!(unit, optional ChainRow, CHAIN, writer)? else { return Ok(()) };
        walk.verified.chains += 1;
        let Some((mut link, end)) = ends(keys, &chain)? else {
            walk.verified.findings.push(Finding::Ends { writer });
            return Ok(());
        };
        loop {
            let from = link.seq;
            let rows = sql!(unit, all EventRow, EVENTS, writer, from, PAGE)?;
            let Some(last) = rows.last().map(|row| row.seq) else { break };
            let lists = sql!(unit, all ListRow, LISTS, writer, from, last)?;
            walk.hear(writer, &rows, lists);
            if let Some(seq) = follow(keys, &mut link, rows)? {
                walk.verified.findings.push(Finding::Event { writer, seq });
                return Ok(());
            }
        }
        if link != end {
            walk.verified.findings.push(Finding::Cut { writer });
        }
        walk.hear_after(&mut unit, end).await
    }
}

impl Walk {
    /// Takes in what events of a chain say of the trail, with the lists of the same part of the chain.
    fn hear(&mut self, writer: Uuid, rows: &[EventRow], lists: Vec<ListRow>) {
        let accepted = self.accepted.get(&writer).copied().unwrap_or_default();
        let mut lists: HashMap<i64, Vec<u8>> = lists.into_iter().map(|row| (row.seq, row.chains)).collect();
        for row in rows {
            let list = lists.remove(&row.seq);
            self.count(row);
            if row.seq > accepted {
                self.hear_one(writer, row, list.as_deref());
            }
        }
        let strangers = lists.into_keys().filter(|seq| *seq > accepted).map(|seq| Finding::Anchor { writer, seq });
        self.verified.findings.extend(strangers);
    }

    fn count(&mut self, row: &EventRow) {
        self.newest = self.newest.max(row.at);
        if row.kind == EventKind::AuditAnchored.as_str() {
            self.verified.anchors += 1;
        } else {
            self.verified.events += 1;
        }
        if row.kind == EventKind::AuditPurged.as_str()
            && let Some(until) = row.target.as_deref().and_then(|until| until.parse().ok())
        {
            self.purged = self.purged.max(until);
        }
    }

    fn hear_one(&mut self, writer: Uuid, row: &EventRow, list: Option<&[u8]>) {
        let seq = row.seq;
        let is = |kind: EventKind| row.kind == kind.as_str();
        let has_list = is(EventKind::AuditAnchored) || is(EventKind::AuditSealed);
        if is(EventKind::AuditRewound) {
            self.verified.findings.push(Finding::Told { writer, seq });
        }
        let told = list.filter(|list| has_list && row.target.as_ref() == Some(&digest_of(list)));
        match told.and_then(ends_in) {
            Some(ends) => self.claims.add(ends),
            None if has_list || list.is_some() => self.verified.findings.push(Finding::Anchor { writer, seq }),
            None => {}
        }
    }

    /// A list that is beyond the end of its chain says that the chain was longer.
    async fn hear_after(&mut self, unit: &mut Unit, end: Link) -> Result<(), StoreError> {
        let beyond = sql!(unit, all ListRow, LISTS, end.writer, end.seq, i64::MAX)?;
        let found = beyond.into_iter().map(|ListRow { writer, seq, .. }| Finding::Anchor { writer, seq });
        self.verified.findings.extend(found);
        Ok(())
    }
}
