//! Requests, by the endpoint that answered them, how, and how quickly.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::counters::Counters;
use super::histogram::Histogram;
use super::labels::Status;
use super::text::Text;

/// The requests that were answered.
#[derive(Debug, Default)]
pub struct Requests(Mutex<Vec<(&'static str, Arc<Answered>)>>);

/// The answers of one endpoint.
#[derive(Debug)]
pub struct Answered {
    by_status: Counters<Status>,
    took: Histogram,
}

impl Answered {
    pub fn count(&self, status: u16, took: Duration) {
        self.by_status.count(status.into());
        self.took.observe(took);
    }
}

impl Requests {
    /// The counters of the endpoint with that label. They are shown, all 0, from the first call on.
    pub fn of(&self, endpoint: &'static str) -> Arc<Answered> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answered)) = all.iter().find(|(label, _)| *label == endpoint) {
            return Arc::clone(answered);
        }
        let answered = Arc::new(Answered { by_status: Counters::default(), took: Histogram::of_times() });
        all.push((endpoint, Arc::clone(&answered)));
        answered
    }

    pub(super) fn render(&self, text: &mut Text) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = || all.iter().map(|(endpoint, answered)| (("endpoint", *endpoint), answered));
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
