//! The queue of log lines: how many may wait, and which are dropped first. It knows no threads and no files.

use std::mem;

use tracing::Level;

/// How many bytes of lines may wait. The writing thread holds up to as many again.
pub const ROOM: usize = 1024 * 1024;

/// Lines in their order, in one buffer, so that a line costs no allocation.
#[derive(Debug)]
pub struct Queue {
    room: usize,
    lines: Vec<u8>,
    dropped: Dropped,
}

/// How many lines were dropped because there was no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub errors: u64,
    pub warnings: u64,
    pub others: u64,
}

impl Queue {
    pub fn with_room(room: usize) -> Self {
        Self { room, lines: Vec::new(), dropped: Dropped::default() }
    }

    /// Adds a line, which ends with a line feed. `false` when there was no room: the last quarter is kept for warnings and errors.
    pub fn push(&mut self, level: Level, line: &[u8]) -> bool {
        let room = if level <= Level::WARN { self.room } else { self.room / 4 * 3 };
        let fits = self.lines.len().saturating_add(line.len()) <= room;
        if fits {
            self.lines.extend_from_slice(line);
        } else {
            self.dropped.count(level);
        }
        fits
    }

    /// Adds the line that reports dropped lines. It always has room, since there is one for many.
    pub fn push_report(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
    }

    /// Whether there is nothing to write and nothing to report.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == Dropped::default()
    }

    /// Moves all lines into `batch`, and reuses its buffer. The result is the number of lines missing after the last one.
    pub fn take(&mut self, batch: &mut Vec<u8>) -> Dropped {
        batch.clear();
        mem::swap(batch, &mut self.lines);
        mem::take(&mut self.dropped)
    }
}

impl Dropped {
    /// All of them; `None` for none.
    pub fn total(self) -> Option<u64> {
        Some(self.errors + self.warnings + self.others).filter(|&total| total > 0)
    }

    fn count(&mut self, level: Level) {
        let count = match level {
            Level::ERROR => &mut self.errors,
            Level::WARN => &mut self.warnings,
            _ => &mut self.others,
        };
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

    fn filled_to(bytes: usize) -> Queue {
        let mut queue = Queue::with_room(100);
        assert!(queue.push(Level::ERROR, &vec![b'x'; bytes]));
        queue
    }

    #[test]
    fn the_last_quarter_is_for_warnings_and_errors() {
        for level in LEVELS {
            let most = if level <= Level::WARN { 100 } else { 75 };
            assert!(filled_to(most - 10).push(level, &[b'y'; 10]), "{level} at the limit");
            assert!(!filled_to(most - 10).push(level, &[b'y'; 11]), "{level} one past it");
        }
    }

    #[test]
    fn a_line_that_finds_no_room_is_counted_and_later_ones_may_find_some() {
        let mut queue = filled_to(75);
        for level in LEVELS {
            queue.push(level, &[b'y'; 26]);
        }
        assert!(queue.push(Level::WARN, b"short\n"));
        let mut batch = b"old".to_vec();
        assert_eq!(queue.take(&mut batch), Dropped { errors: 1, warnings: 1, others: 3 });
        assert!(batch.starts_with(b"xxx") && batch.ends_with(b"xshort\n"));
        assert!(queue.is_empty() && queue.push(Level::TRACE, &[b'y'; 75]), "there is all the room again");
    }

    #[test]
    fn lines_keep_their_order() {
        let mut queue = Queue::with_room(100);
        for (level, line) in LEVELS.into_iter().zip([b"1\n", b"2\n", b"3\n", b"4\n", b"5\n"]) {
            queue.push(level, line);
        }
        let mut batch = Vec::new();
        assert_eq!(queue.take(&mut batch).total(), None);
        assert_eq!(batch, b"1\n2\n3\n4\n5\n");
    }

    #[test]
    fn the_report_always_finds_room() {
        let mut queue = filled_to(100);
        queue.push_report(b"report\n");
        let mut batch = Vec::new();
        queue.take(&mut batch);
        assert!(batch.ends_with(b"xreport\n"));
    }

    #[test]
    fn one_line_longer_than_the_room_is_something_to_report() {
        let mut queue = Queue::with_room(100);
        assert!(!queue.push(Level::ERROR, &[b'y'; 101]));
        assert!(!queue.is_empty());
        assert_eq!(queue.take(&mut Vec::new()).total(), Some(1));
    }
}
