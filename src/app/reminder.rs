//! Log lines that every request could cause, and that one a minute is enough of.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::{Seconds, UnixTime};

/// The least time between two reminders.
const PAUSE: Seconds = 60;

/// When the operator was last reminded of something.
#[derive(Debug)]
pub struct Reminder(AtomicI64);

impl Default for Reminder {
    fn default() -> Self {
        Self(AtomicI64::new(UnixTime::MIN))
    }
}

impl Reminder {
    /// Whether it is time to remind again: for one caller in a minute. After a clock was set back, at once.
    pub fn is_due(&self, now: UnixTime) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        let is_due = !(0..PAUSE).contains(&now.saturating_sub(last));
        is_due && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_due_once_a_minute() {
        let reminder = Reminder::default();
        let due = [0, 0, 59, 60, 61, 119, 120, 30, 30].map(|now| reminder.is_due(now));
        assert_eq!(due, [true, false, false, true, false, false, true, true, false]);
    }
}
