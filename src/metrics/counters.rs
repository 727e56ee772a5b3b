//! A counter for each value of a label.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use super::labels::Label;
use super::text::Text;

/// Counts by one label. All counters are shown from the start, as 0.
#[derive(Debug)]
pub struct Counters<L> {
    counts: Vec<AtomicU64>,
    label: PhantomData<L>,
}

impl<L: Label> Default for Counters<L> {
    fn default() -> Self {
        Self { counts: L::ALL.iter().map(|_| AtomicU64::new(0)).collect(), label: PhantomData }
    }
}

impl<L: Label> Counters<L> {
    pub fn count(&self, value: L) {
        if let Some(count) = self.counts.get(value.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The values of the label, and how often each was counted.
    pub(super) fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        L::ALL.iter().zip(&self.counts).map(|(value, count)| (value.name(), count.load(Ordering::Relaxed)))
    }

    pub(super) fn render(&self, text: &mut Text, name: &str, label: &str, help: &str) {
        text.family(name, "counter", help);
        for (value, count) in self.read() {
            text.sample(name, &[(label, value)], count);
        }
    }
}
