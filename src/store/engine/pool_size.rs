//! How many connections there are, and for what.

use std::time::Duration;

/// How many lanes that only read all threads share.
const READ_LANES: u32 = 4;

/// How many lanes, and so connections, each thread has for itself.
pub(in crate::store) const THREAD_LANES: u32 = 2;

/// How many connections read from SQLite, besides those that threads have for themselves: one for each lane, which keeps it, and as
/// many for everybody else.
pub(super) const SQLITE_READERS: u32 = 2 * READ_LANES;

/// As many connections to PostgreSQL as everything needs that isn't one thread's own. A lane of a smaller pool keeps none: it would
/// keep it from everybody else.
pub(super) const SHARED_CONNECTIONS: u32 = 12;

/// How many connections to keep to PostgreSQL, and how long to wait for a free one.
#[derive(Clone, Copy, Debug)]
pub struct PoolSize {
    /// The most connections at once.
    pub max_connections: u32,
    /// After this long a statement fails as unavailable.
    pub acquire_timeout: Duration,
}

impl PoolSize {
    /// What is left for all together when each of so many threads has connections of its own, and for how many of them that
    /// leaves enough; the others have to share.
    pub fn shared_by(self, threads: usize) -> (Self, usize) {
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        let served = threads.min(self.max_connections.saturating_sub(SHARED_CONNECTIONS) / THREAD_LANES);
        let max_connections = self.max_connections - served * THREAD_LANES;
        (Self { max_connections, ..self }, usize::try_from(served).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_threads_are_taken_from_those_of_all_and_leave_enough() {
        let split = |max_connections, threads| {
            let (all, served) = PoolSize { max_connections, acquire_timeout: Duration::ZERO }.shared_by(threads);
            (all.max_connections, served)
        };
        assert_eq!([split(16, 0), split(16, 2), split(20, 4), split(20, 64)], [(16, 0), (12, 2), (12, 4), (12, 4)]);
        assert_eq!([split(1, 2), split(12, 2), split(13, 2), split(14, 2)], [(1, 0), (12, 0), (13, 0), (12, 1)]);
        assert_eq!(split(u32::MAX, usize::MAX).0, 13);
    }
}
