//! What a process knows about its database between two statements: which connections to check before they are used
//! again, and whether writes can succeed. Shared by all connections of a database. Contains no SQL.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::error::StoreError;

/// The shortest time between two replacements of all connections. A missing privilege fails every statement, and new
/// connections don't help.
const BETWEEN_REPLACEMENTS: Duration = Duration::from_secs(1);

/// How long a connection that answered is used without a check. Under load none is idle that long, so none is checked.
pub(super) const BELIEVED: Duration = Duration::from_secs(1);

/// See the module. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Condition(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    /// A connection was found lost. Others may be, however lately they answered.
    lost: Moment,
    /// A connection lacked what had been prepared on it, or had it in an outdated form.
    outdated: Moment,
    /// A write failed, and no probe has succeeded since.
    suspect: AtomicBool,
    /// A statement failed for a lock or a lost connection. A probe says whether others fail too.
    doubt: AtomicBool,
    /// A precondition of the guarantees fails.
    broken: AtomicBool,
    /// The embedded database's file isn't the one that is open.
    file_replaced: AtomicBool,
    closed: AtomicBool,
    waiting: AtomicUsize,
    name: OnceLock<String>,
}

/// The last time that something happened.
#[derive(Debug)]
struct Moment {
    base: Instant,
    /// Microseconds since `base`; 0 before the first time.
    at: AtomicU64,
}

impl Default for Moment {
    fn default() -> Self {
        Self { base: Instant::now(), at: AtomicU64::new(0) }
    }
}

impl Moment {
    fn set(&self) {
        self.at.store(self.micros(Instant::now()).max(1), Ordering::Relaxed);
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_micros()).unwrap_or(u64::MAX)
    }

    /// Whether it happened after `since`.
    fn is_after(&self, since: Instant) -> bool {
        match self.at.load(Ordering::Relaxed) {
            0 => false,
            at => at >= self.micros(since),
        }
    }
}

/// Why nothing can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The store was closed.
    Closed,
    /// The embedded database's file was replaced or removed.
    FileReplaced,
    /// A precondition of the guarantees fails.
    Broken,
    /// A write failed.
    Failing,
}

/// Somebody who waits for a connection, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Condition {
    /// Waits for a connection, and is counted meanwhile.
    pub(in crate::store) async fn wait<T>(&self, connection: impl Future<Output = T>) -> T {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.0.waiting);
        connection.await
    }

    /// How many wait for a connection.
    pub(in crate::store) fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Whether a connection that last answered at `at` has to be asked whether it lives.
    pub(in crate::store) fn is_doubtful(&self, at: Instant) -> bool {
        self.0.lost.is_after(at)
    }

    /// Whether a connection that was opened at `at` is to be replaced.
    pub(in crate::store) fn is_outdated(&self, at: Instant) -> bool {
        self.0.outdated.is_after(at)
    }

    /// Records what a failure means for other connections.
    pub(in crate::store) fn note(&self, error: &StoreError) {
        let outdated = &self.0.outdated;
        if error.is_of_connection() || error.is_lock_timeout() {
            self.0.doubt.store(true, Ordering::Relaxed);
        }
        if error.is_of_lost_connection() {
            self.0.lost.set();
        } else if error.is_of_outdated_connection()
            && !Instant::now().checked_sub(BETWEEN_REPLACEMENTS).is_some_and(|lately| outdated.is_after(lately))
        {
            outdated.set();
        }
    }

    /// Notes a failure that the caller may repeat on another connection.
    pub(in crate::store) fn note_asked(&self, error: &StoreError) {
        if error.is_of_connection() {
            self.note(error);
        } else {
            self.note_final(error);
        }
    }

    /// Records a failure that isn't repeated. After an outage, only a probe that succeeds ends the suspicion.
    pub(in crate::store) fn note_final(&self, error: &StoreError) {
        self.note(error);
        if error.is_outage() {
            self.suspect();
        }
    }

    pub(in crate::store) fn suspect(&self) {
        self.0.suspect.store(true, Ordering::Relaxed);
    }

    pub(in crate::store) fn is_suspect(&self) -> bool {
        self.0.suspect.load(Ordering::Relaxed)
    }

    /// Whether to probe the database: a write failed, or anything failed since the last call.
    pub(in crate::store) fn take_doubt(&self) -> bool {
        self.0.doubt.swap(false, Ordering::Relaxed) || self.is_suspect()
    }

    /// A probe has stored something.
    pub(in crate::store) fn trust(&self) {
        self.0.suspect.store(false, Ordering::Relaxed);
    }

    pub(in crate::store) fn set_broken(&self, broken: bool) {
        self.0.broken.store(broken, Ordering::Relaxed);
    }

    pub(in crate::store) fn set_file_replaced(&self, replaced: bool) {
        self.0.file_replaced.store(replaced, Ordering::Relaxed);
    }

    pub(in crate::store) fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    /// Refuses every statement while the database's file is replaced or removed.
    pub(in crate::store) fn require_present(&self) -> Result<(), StoreError> {
        if self.0.file_replaced.load(Ordering::Relaxed) { Err(StoreError::FileReplaced) } else { Ok(()) }
    }

    /// Why nothing can be stored, if that is known.
    pub(in crate::store) fn unfit(&self) -> Option<Unfit> {
        let known = [
            (&self.0.closed, Unfit::Closed),
            (&self.0.file_replaced, Unfit::FileReplaced),
            (&self.0.broken, Unfit::Broken),
            (&self.0.suspect, Unfit::Failing),
        ];
        known.into_iter().find_map(|(is_so, unfit)| is_so.load(Ordering::Relaxed).then_some(unfit))
    }

    /// Whether a connection reached the database that the first one reached.
    pub(in crate::store) fn is_of(&self, name: &str) -> bool {
        self.0.name.get_or_init(|| name.to_owned()) == name
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    fn lost() -> StoreError {
        sqlx::Error::Io(ErrorKind::ConnectionReset.into()).into()
    }

    #[test]
    fn a_lost_connection_makes_those_doubtful_that_answered_before() {
        let (condition, before) = (Condition::default(), Instant::now());
        assert!(!condition.is_doubtful(before));
        condition.note(&lost());
        assert!(condition.take_doubt() && !condition.take_doubt());
        assert!(condition.is_doubtful(before) && !condition.is_outdated(before));
        assert!(!condition.is_doubtful(Instant::now() + Duration::from_micros(2)));
        assert_eq!(condition.unfit(), None, "another connection may do");
    }

    #[test]
    fn only_a_probe_clears_a_suspicion() {
        let condition = Condition::default();
        for harmless in
            [StoreError::Exists, StoreError::TokensJustRevoked, StoreError::Overloaded, StoreError::Unreadable("x")]
        {
            condition.note_final(&harmless);
            assert!(!condition.is_suspect(), "{harmless}");
        }
        for outage in [lost(), sqlx::Error::PoolTimedOut.into(), StoreError::TimedOut] {
            condition.note_final(&outage);
            assert_eq!(condition.unfit(), Some(Unfit::Failing), "{outage}");
            condition.trust();
            assert_eq!(condition.unfit(), None);
        }
    }

    #[test]
    fn a_file_that_is_gone_refuses_every_statement_until_it_is_back() {
        let condition = Condition::default();
        condition.set_file_replaced(true);
        assert!(matches!(condition.require_present(), Err(StoreError::FileReplaced)));
        condition.set_file_replaced(false);
        assert!(condition.require_present().is_ok());
    }

    #[test]
    fn another_database_is_noticed() {
        let condition = Condition::default();
        assert!(condition.is_of("tokend") && condition.is_of("tokend") && !condition.is_of("other"));
    }
}
