//! The pool that hashes passwords.

use super::histogram::Histogram;
use super::text::Text;

/// How long hashes waited for a thread, and how long they took.
#[derive(Debug)]
pub struct Hashing {
    /// Waiting. A hash that was not begun is not in it.
    pub waited: Histogram,
    pub took: Histogram,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { waited: Histogram::of_times(), took: Histogram::of_times() }
    }
}

impl Hashing {
    pub(super) fn render(&self, text: &mut Text) {
        let name = "tokend_hashing_wait_seconds";
        text.family(name, "histogram", "How long password hashes waited for a thread.");
        self.waited.render(text, name, None);
        let name = "tokend_hashing_seconds";
        text.family(name, "histogram", "How long password hashes took.");
        self.took.render(text, name, None);
    }
}

/// Password hashes at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashingLoad {
    /// Hashes that wait for a thread.
    pub waiting: usize,
    pub running: usize,
    pub threads: usize,
}

impl HashingLoad {
    pub(super) fn render(self, text: &mut Text) {
        let name = "tokend_hashing_waiting";
        text.single(name, "gauge", "Password hashes that wait for a thread.", self.waiting);
        text.single("tokend_hashing_running", "gauge", "Password hashes that run.", self.running);
        text.single("tokend_hashing_threads", "gauge", "Threads that hash passwords.", self.threads);
    }
}
