//! What anchors say of chains, compared with the chains.

use std::collections::HashMap;

use uuid::Uuid;

use super::finding::Finding;
use crate::audit::{AuditKeys, ChainEnd, Link, Seal};
use crate::clock::UnixTime;
use crate::store::StoreError;
use crate::store::audit_events::row::{CHAIN, ChainRow, PAGE, ends, seal_of};
use crate::store::audit_events::trail::Audit;
use crate::store::engine::{Unit, from_row, sql};

const SEALS: &str = "SELECT seq, seal FROM audit_events WHERE writer = $1 AND seq >= $2 ORDER BY seq LIMIT $3";

from_row! {
    struct SealRow {
        seq: i64,
        seal: Vec<u8>,
    }
}

/// What all anchors say.
#[derive(Default)]
pub(super) struct Claims(HashMap<Uuid, Claimed>);

/// What they say of one chain.
#[derive(Default)]
pub(super) struct Claimed(Vec<ChainEnd>);

impl Claims {
    /// One more anchor says this. A chain that hasn't moved is said to stand where it stood again and again.
    pub(super) fn add(&mut self, ends: Vec<ChainEnd>) {
        for end in ends {
            let claimed = &mut self.0.entry(end.link.writer).or_default().0;
            if claimed.last() != Some(&end) {
                claimed.push(end);
            }
        }
    }

    /// Of each chain, in the order of its events.
    pub(super) fn into_sorted(self) -> impl Iterator<Item = (Uuid, Claimed)> {
        self.0.into_iter().map(|(writer, Claimed(mut ends))| {
            ends.sort_unstable_by_key(|end| end.link.seq);
            ends.dedup();
            (writer, Claimed(ends))
        })
    }
}

impl Claimed {
    /// When the last event happened that an anchor saw.
    pub(super) fn newest_at(&self) -> UnixTime {
        self.0.last().map_or(UnixTime::MIN, |end| end.at)
    }
}

impl Audit<'_> {
    /// Compares a chain with what anchors say of it. Where it has been purged, its sealed start stands for what was there.
    pub(super) async fn verify_claims(
        self,
        keys: &AuditKeys,
        writer: Uuid,
        claimed: &Claimed,
    ) -> Result<Option<Finding>, StoreError> {
        let mut unit = self.store.db.begin_snapshot().await?;
        let Some(chain) = sql!(unit, optional ChainRow, CHAIN, writer)? else {
            return Ok(Some(Finding::Gone { writer }));
        };
        // What is wrong with its ends has been found already.
        let Some((start, _)) = ends(keys, &chain)? else { return Ok(None) };
        let kept = claimed.0.iter().map(|end| end.link).filter(|link| link.seq >= start.seq && *link != start);
        let kept: Vec<Link> = kept.collect();
        let mut left = kept.as_slice();
        while let [first, ..] = left {
            let seals = seals_from(&mut unit, *first).await?;
            let is_as_claimed = |link: &&Link| seals.get(&link.seq) == Some(&link.seal);
            let matching = left.iter().take_while(is_as_claimed).count();
            let (_, rest) = left.split_at(matching);
            // What isn't on this page may be on the next one, unless this one began with it.
            if let Some(next) = rest.first()
                && (matching == 0 || seals.contains_key(&next.seq))
            {
                return Ok(Some(Finding::Rewound { writer, seq: next.seq }));
            }
            left = rest;
        }
        Ok(None)
    }
}

/// The seals of a page of events, from this one on.
async fn seals_from(unit: &mut Unit, first: Link) -> Result<HashMap<i64, Seal>, StoreError> {
    let rows = sql!(unit, all SealRow, SEALS, first.writer, first.seq, PAGE)?;
    rows.into_iter().map(|row| Ok((row.seq, seal_of(&row.seal)?))).collect()
}
