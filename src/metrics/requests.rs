//! Requests, by what answered them, how, and how quickly.

use std::time::Duration;

use super::counters::Counters;
use super::histogram::Histogram;
use super::labels::{Endpoint, Label as _, Status};
use super::text::Text;

/// The requests that were answered.
#[derive(Debug)]
pub struct Requests(Vec<Answered>);

#[derive(Debug)]
struct Answered {
    by_status: Counters<Status>,
    took: Histogram,
}

impl Default for Requests {
    fn default() -> Self {
        Self(Endpoint::ALL.iter().map(|_| Answered::new()).collect())
    }
}

impl Answered {
    fn new() -> Self {
        Self { by_status: Counters::default(), took: Histogram::of_times() }
    }
}

impl Requests {
    /// One more, with the status of its answer.
    pub fn count(&self, endpoint: Endpoint, status: u16, took: Duration) {
        if let Some(answered) = self.0.get(endpoint.index()) {
            answered.by_status.count(status.into());
            answered.took.observe(took);
        }
    }

    pub(super) fn render(&self, text: &mut Text) {
        let each = || Endpoint::ALL.iter().map(|endpoint| ("endpoint", endpoint.name())).zip(&self.0);
        let name = "tokend_requests_total";
        text.family(name, "counter", "Requests that were answered. 429 and 503 are not in 4xx and 5xx.");
        for (endpoint, answered) in each() {
            for (status, count) in answered.by_status.read() {
                text.sample(name, &[endpoint, ("status", status)], count);
            }
        }
        let name = "tokend_request_seconds";
        text.family(name, "histogram", "How long requests took, from their head to the head of their answer.");
        for (endpoint, answered) in each() {
            answered.took.render(text, name, Some(endpoint));
        }
    }
}
