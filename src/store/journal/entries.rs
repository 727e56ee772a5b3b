//! What is in the journal, in memory. Knows nothing of the database.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::clock::{Seconds, UnixTime};
use crate::domain::{ClientId, RevokedReason, SessionId, UserId};

/// How long a revocation is remembered, in seconds: no standby is further behind than that and still takes over.
const KEPT: Seconds = 3_600;

/// How many are remembered at most, some 100 bytes each. Older ones go first.
const CAPACITY: usize = 100_000;

/// What was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Revoked {
    Session(SessionId),
    User(UserId),
    /// With its tokens up to a second.
    Client { id: ClientId, tokens_until: UnixTime },
    Token { jti: Uuid, expires_at: UnixTime },
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) what: Revoked,
    pub(super) reason: RevokedReason,
    pub(super) at: UnixTime,
}

/// The entries in their order.
#[derive(Debug, Default)]
pub(super) struct Entries(VecDeque<Entry>);

impl Entries {
    /// Adds the newest entry, and forgets those that are too old or too many.
    pub(super) fn note(&mut self, entry: Entry) {
        let kept_from = entry.at.saturating_sub(KEPT);
        while self.0.len() >= CAPACITY || self.0.front().is_some_and(|oldest| oldest.at < kept_from) {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().rev()
    }
}
