//! A leaky bucket: so many at once, and as many again in each window. One number a bucket.

use crate::clock::{Seconds, UnixTime};

const MICROSECONDS: i64 = 1_000_000;

/// So many failures in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many; 1 or more.
    pub count: u32,
    /// In how many seconds; 1 or more, a day at most.
    pub window: Seconds,
}

impl Limit {
    /// After how many microseconds one failure is forgotten.
    fn one(self) -> i64 {
        (self.window.max(1).saturating_mul(MICROSECONDS) / i64::from(self.count.max(1))).max(1)
    }

    /// What the bucket holds, in microseconds.
    fn full(self) -> i64 {
        self.one().saturating_mul(i64::from(self.count.max(1)))
    }
}

/// What has been counted: when all of it will be forgotten, in microseconds of Unix time. A new one is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket(i64);

impl Bucket {
    /// What is in it, in microseconds. A clock that was set back must not make it more than full.
    fn level(self, limit: Limit, now: UnixTime) -> i64 {
        self.0.saturating_sub(micros(now)).clamp(0, limit.full())
    }

    /// Whether nothing is in it.
    pub fn is_empty(self, limit: Limit, now: UnixTime) -> bool {
        self.level(limit, now) == 0
    }

    /// Whether `more` have room beside what has been counted.
    pub fn has_room(self, limit: Limit, more: u32, now: UnixTime) -> bool {
        let more = limit.one().saturating_mul(i64::from(more));
        self.level(limit, now).saturating_add(more) <= limit.full()
    }

    /// Counts one. When it is full it stays full.
    pub fn count(&mut self, limit: Limit, now: UnixTime) {
        let level = self.level(limit, now).saturating_add(limit.one()).min(limit.full());
        self.0 = micros(now).saturating_add(level);
    }

    /// In how many seconds there is room for one more: 1 or more.
    pub fn retry_after(self, limit: Limit, now: UnixTime) -> Seconds {
        let missing = self.level(limit, now).saturating_add(limit.one()).saturating_sub(limit.full());
        (missing.saturating_add(MICROSECONDS - 1) / MICROSECONDS).max(1)
    }
}

fn micros(seconds: UnixTime) -> i64 {
    seconds.saturating_mul(MICROSECONDS)
}
