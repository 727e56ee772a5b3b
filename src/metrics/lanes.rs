//! The lanes to the database: how many requests one statement carried.

use super::histogram::Histogram;
use super::labels::{Label as _, Lane};
use super::text::Text;

/// The sizes of batches by lane.
#[derive(Debug)]
pub struct Lanes(Vec<Histogram>);

impl Default for Lanes {
    fn default() -> Self {
        Self(Lane::ALL.iter().map(|_| Histogram::of_batches()).collect())
    }
}

impl Lanes {
    pub fn observe(&self, lane: Lane, items: usize) {
        if let Some(sizes) = self.0.get(lane.index()) {
            sizes.observe_batch(items);
        }
    }

    pub(super) fn render(&self, text: &mut Text) {
        let name = "tokend_lane_batch_size";
        text.family(name, "histogram", "How many requests went to the database as one statement. 256 is the most.");
        for (lane, sizes) in Lane::ALL.iter().zip(&self.0) {
            sizes.render(text, name, Some(("lane", lane.name())));
        }
    }
}
