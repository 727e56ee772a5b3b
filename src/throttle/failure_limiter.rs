//! Limits failures of secrets that are too long to guess: client secrets and tokens. A failure is counted after the check, and too many
//! get 429. The right secret always passes, so a client can't be locked out.

use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use super::Throttled;
use super::bounded::Bounded;
use super::bucket::{Bucket, Limit};
use crate::clock::UnixTime;

/// The most keys that are remembered of one kind; each takes some 50 bytes.
const CAPACITY: usize = 50_000;

/// Failures of one kind, by whom they are.
pub struct FailureLimiter<K> {
    limit: Limit,
    buckets: Mutex<Bounded<K, Bucket>>,
    /// Counts for all keys without room in `buckets`.
    rest: Mutex<Bucket>,
}

impl<K: Eq + Hash + Clone> FailureLimiter<K> {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, buckets: Mutex::new(Bounded::new(CAPACITY)), rest: Mutex::default() }
    }

    /// Counts a failure under the first of `keys`, from the narrowest on, for which there is room.
    pub(super) fn count(&self, keys: &[K], now: UnixTime) -> Result<(), Throttled> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = keys.iter().find(|key| buckets.admits(key, now, |bucket| bucket.is_empty(self.limit, now)));
        if let Some(key) = key {
            return self.count_in(buckets.entry(key.clone()), now);
        }
        self.count_in(&mut self.rest.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    fn count_in(&self, bucket: &mut Bucket, now: UnixTime) -> Result<(), Throttled> {
        let has_room = bucket.has_room(self.limit, 1, now);
        let retry_after = bucket.retry_after(self.limit, now);
        bucket.count(self.limit, now);
        if has_room { Ok(()) } else { Err(Throttled { retry_after }) }
    }
}

impl<K> fmt::Debug for FailureLimiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FailureLimiter({:?})", self.limit)
    }
}
