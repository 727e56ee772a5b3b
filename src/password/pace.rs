//! How long verifying takes, and how long a wrong answer is held back so that it can't tell one kind of hash from another.
//!
//! An unknown user costs one hash with the current parameters. A user whose hash was imported, or made with other
//! parameters, costs something else until they sign in, and would stand out by time. Cheaper ones can't be made dearer
//! exactly, dearer ones not cheaper; so once hashes of several costs are met, every wrong answer leaves when the dearest
//! would. It waits without holding a thread.

use std::time::Duration;

use super::stored::Cost;

/// More kinds than any import brings along.
const MAX_KINDS: usize = 16;

/// A machine that stood still for a moment must not slow every wrong answer for ever.
const LONGEST: Duration = Duration::from_secs(3);

/// The costs that were met since the start, and how long each takes.
pub(super) struct Pace {
    kinds: Vec<(Cost, Duration)>,
}

impl Pace {
    /// Begins with the `current` cost.
    pub(super) fn new(current: Cost, took: Duration) -> Self {
        Self { kinds: vec![(current, took.min(LONGEST))] }
    }

    /// Takes note that verifying a hash of this `cost` took so long.
    pub(super) fn note(&mut self, cost: Cost, took: Duration) {
        let took = took.min(LONGEST);
        let full = self.kinds.len() >= MAX_KINDS;
        match self.kinds.iter_mut().find(|(kind, _)| *kind == cost) {
            Some((_, typical)) => *typical = smoothed(*typical, took),
            None if !full => self.kinds.push((cost, took)),
            // The dearest ones are those that matter.
            None => {
                if let Some(cheapest) = self.kinds.iter_mut().min_by_key(|(_, typical)| *typical)
                    && cheapest.1 < took
                {
                    *cheapest = (cost, took);
                }
            }
        }
    }

    /// How long after its work began a wrong answer may leave. Zero while all hashes cost the same.
    pub(super) fn hold(&self) -> Duration {
        if self.kinds.len() < 2 {
            return Duration::ZERO;
        }
        let dearest = self.kinds.iter().map(|(_, typical)| *typical).max().unwrap_or_default();
        // A quarter more, to cover how much one hash differs from the next.
        dearest + dearest / 4
    }
}

/// A moving average over about eight measurements.
pub(super) fn smoothed(average: Duration, measured: Duration) -> Duration {
    average.saturating_mul(7).saturating_add(measured) / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_waits_while_all_hashes_cost_the_same() {
        let mut pace = Pace::new(Cost::Bcrypt(4), 20 * MS);
        pace.note(Cost::Bcrypt(4), 900 * MS);
        assert_eq!(pace.hold(), Duration::ZERO);
    }

    #[test]
    fn wrong_answers_leave_when_the_dearest_hash_would() {
        let mut pace = Pace::new(Cost::Bcrypt(4), 20 * MS);
        pace.note(Cost::Bcrypt(5), 2 * MS);
        assert_eq!(pace.hold(), 25 * MS, "a cheaper kind does not shorten it");
        pace.note(Cost::Bcrypt(12), 200 * MS);
        assert_eq!(pace.hold(), 250 * MS);
        for _ in 0..1000 {
            pace.note(Cost::Bcrypt(4), 20 * MS);
        }
        assert_eq!(pace.hold(), 250 * MS, "probing the others does not make it forget");
    }

    #[test]
    fn neither_the_time_nor_the_memory_grows_without_bound() {
        let mut pace = Pace::new(Cost::Bcrypt(0), MS);
        for cost in 1..1000 {
            pace.note(Cost::Bcrypt(cost), cost * MS);
        }
        assert_eq!(pace.kinds.len(), MAX_KINDS);
        assert!(pace.hold() >= 999 * MS, "the dearest is kept");
        pace.note(Cost::Bcrypt(2000), Duration::from_hours(1));
        assert_eq!(pace.hold(), LONGEST + LONGEST / 4);
    }
}
