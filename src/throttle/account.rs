//! What follows from how often sign-ins to an account have failed: a few are free, then each has to wait longer.

use super::{AttemptKey, Throttled};
use crate::clock::{Seconds, UnixTime};
use crate::crypto::HmacKey;

/// What turns names and devices into the keys that their failures are counted under. Keyed, so that the table doesn't
/// show which names were tried.
#[derive(Clone, Debug)]
pub struct AttemptKeys(HmacKey);

impl AttemptKeys {
    /// From the key that the master secret derives.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(HmacKey::new(key))
    }

    /// The key of one thing of a `kind`, which has no NUL.
    pub fn of(&self, kind: &str, what: &[u8]) -> AttemptKey {
        self.0.tag(&[kind.as_bytes(), &[0], what])
    }
}

/// How many failures are free, and what comes after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimit {
    /// How many failures cost nothing; 1 or more.
    pub free: u32,
    /// How long the next attempt has to wait after the last free one, in seconds; doubled by each further failure.
    pub delay: Seconds,
    /// The longest that an attempt has to wait, in seconds. A failure is forgotten after as long.
    pub longest: Seconds,
}

/// The failed attempts on one account, those that are under way among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountAttempts {
    /// When the last of them is forgotten.
    pub forgotten_at: UnixTime,
    /// When the last one began.
    pub last_at: UnixTime,
}

impl AccountLimit {
    /// How many failures are remembered at `now`.
    fn remembered(self, attempts: AccountAttempts, now: UnixTime) -> i64 {
        let ahead = attempts.forgotten_at.saturating_sub(now).max(0);
        ahead.saturating_add(self.longest - 1) / self.longest
    }

    /// From how many failures on the wait is the longest.
    pub fn longest_from(self) -> i64 {
        let doublings = (0..62).find(|&n| self.delay.saturating_mul(1 << n) >= self.longest).unwrap_or(62);
        i64::from(self.free).saturating_add(doublings)
    }

    /// How long an attempt has to wait after `failures` of them, in seconds.
    pub fn wait(self, failures: i64) -> Seconds {
        let beyond = failures - i64::from(self.free);
        match beyond {
            ..0 => 0,
            _ if failures >= self.longest_from() => self.longest,
            _ => self.delay.saturating_mul(1 << beyond).min(self.longest),
        }
    }

    /// Whether another attempt may begin. The database decides the same in one statement, for all nodes at once.
    pub fn admits(self, attempts: AccountAttempts, now: UnixTime) -> Result<(), Throttled> {
        let wait = self.wait(self.remembered(attempts, now));
        let waited = now.saturating_sub(attempts.last_at);
        // A clock that was set back by more than the longest wait would hold the account up for all that time.
        if wait == 0 || waited >= wait || waited < -self.longest {
            return Ok(());
        }
        Err(Throttled { retry_after: self.opens_at(attempts, now).saturating_sub(now).max(1) })
    }

    /// When another attempt may begin: after the wait for what is remembered by now, or as soon as enough is forgotten for a
    /// shorter one.
    fn opens_at(self, attempts: AccountAttempts, now: UnixTime) -> UnixTime {
        let remembered = self.remembered(attempts, now);
        let mut opens_at = attempts.last_at.saturating_add(self.wait(remembered));
        for fewer in (0..remembered).rev() {
            let from = attempts.forgotten_at.saturating_sub(fewer.saturating_mul(self.longest));
            if from >= opens_at {
                break;
            }
            opens_at = opens_at.min(from.max(attempts.last_at.saturating_add(self.wait(fewer))));
        }
        opens_at
    }

    /// How many guesses an attacker has in the first day.
    pub fn guesses_a_day(self) -> u64 {
        let mut attempts = AccountAttempts { forgotten_at: 0, last_at: 0 };
        let (mut now, mut guesses) = (0, 0);
        while now < 86_400 {
            match self.admits(attempts, now) {
                Ok(()) => {
                    guesses += 1;
                    attempts.forgotten_at = attempts.forgotten_at.max(now).saturating_add(self.longest);
                    attempts.last_at = now;
                }
                Err(Throttled { retry_after }) => now = now.saturating_add(retry_after),
            }
        }
        guesses
    }
}
