//! What is in the journal, in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::{Seconds, UnixTime};
use crate::domain::{ClientId, RevokedReason, SessionId, UserId};

/// How long a revocation is remembered, in seconds: no standby is further behind than that and still takes over.
const KEPT: Seconds = 3_600;

/// How many are remembered at most, some 200 bytes each. Older ones go first.
const CAPACITY: usize = 100_000;

/// What was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) enum Revoked {
    Session(SessionId),
    User(UserId),
    /// With its tokens up to a second.
    Client {
        id: ClientId,
        tokens_until: UnixTime,
    },
    Token {
        jti: Uuid,
        expires_at: UnixTime,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) what: Revoked,
    pub(super) reason: RevokedReason,
    pub(super) at: UnixTime,
}

/// The revocations that this process has acknowledged lately. Empty on SQLite, which nobody takes over.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Journal(Arc<Mutex<Entries>>);

impl Journal {
    pub(super) fn note(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(entry);
    }

    pub(super) fn newest_first(&self) -> VecDeque<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).newest_first().cloned().collect()
    }
}

/// One entry for each thing that was revoked, however often: whoever repeats a revocation must not push out those of others,
/// and yet a repetition that ended nothing here may be the one that counts on a database that lacks the first.
#[derive(Debug, Default)]
struct Entries {
    in_order: BTreeMap<u64, Entry>,
    places: HashMap<Revoked, u64>,
    next: u64,
}

impl Entries {
    /// Adds the newest entry. It stands for an older one of the same, too.
    fn note(&mut self, mut entry: Entry) {
        let now = entry.at;
        let older = self.places.insert(entry.what.clone(), self.next).and_then(|place| self.in_order.remove(&place));
        if let Some(older) = older {
            // A clock that was set back must not leave out what the older one ended.
            entry.at = entry.at.max(older.at);
        }
        self.in_order.insert(self.next, entry);
        self.next += 1;
        self.forget(now.saturating_sub(KEPT));
    }

    /// Forgets what was revoked before `kept_from`, and what is too much.
    fn forget(&mut self, kept_from: UnixTime) {
        while self.in_order.len() > CAPACITY || self.oldest().is_some_and(|oldest| oldest.at < kept_from) {
            let Some((_, forgotten)) = self.in_order.pop_first() else { return };
            self.places.remove(&forgotten.what);
        }
    }

    fn oldest(&self) -> Option<&Entry> {
        self.in_order.first_key_value().map(|(_, entry)| entry)
    }

    fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.in_order.values().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_800_000_000;

    fn session(number: usize) -> Revoked {
        Revoked::Session(SessionId(Uuid::from_u128(number as u128)))
    }

    fn note(entries: &mut Entries, number: usize, at: UnixTime) {
        entries.note(Entry { what: session(number), reason: RevokedReason::Logout, at });
    }

    fn noted(entries: &Entries) -> Vec<(Revoked, UnixTime)> {
        assert_eq!(entries.places.len(), entries.in_order.len());
        entries.newest_first().map(|entry| (entry.what.clone(), entry.at)).collect()
    }

    #[test]
    fn whoever_repeats_a_revocation_pushes_out_nobody_elses() {
        let mut entries = Entries::default();
        note(&mut entries, 1, NOW);
        for _ in 0..=CAPACITY {
            note(&mut entries, 2, NOW + 1);
        }
        assert_eq!(noted(&entries), [(session(2), NOW + 1), (session(1), NOW)]);
    }

    #[test]
    fn a_repetition_stands_for_what_it_repeats() {
        let mut entries = Entries::default();
        for (number, at) in [(1, NOW), (2, NOW), (1, NOW + 5), (2, NOW - 5)] {
            note(&mut entries, number, at);
        }
        assert_eq!(noted(&entries), [(session(2), NOW), (session(1), NOW + 5)]);
    }

    #[test]
    fn the_oldest_go_first() {
        let mut entries = Entries::default();
        for number in 0..CAPACITY + 2 {
            note(&mut entries, number, NOW);
        }
        assert_eq!(entries.oldest().map(|oldest| oldest.what.clone()), Some(session(2)));
        note(&mut entries, 0, NOW + KEPT);
        assert_eq!(entries.in_order.len(), CAPACITY);
        note(&mut entries, 1, NOW + KEPT + 1);
        assert_eq!(noted(&entries), [(session(1), NOW + KEPT + 1), (session(0), NOW + KEPT)]);
    }
}
