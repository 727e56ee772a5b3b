//! Samples of times, and whether two of them come from the same place.

use std::time::Duration;

/// How much of a sample is kept, the fastest first: what is slowest says more of the machine than of the server.
const KEPT: f64 = 0.9;

/// Times, sorted, in microseconds.
pub struct Sample(Vec<f64>);

impl Sample {
    /// Of these times, without the slowest.
    pub fn new(times: Vec<Duration>) -> Self {
        let mut times: Vec<f64> = times.into_iter().map(|time| time.as_secs_f64() * 1e6).collect();
        times.sort_by(f64::total_cmp);
        times.truncate(kept(times.len()));
        Self(times)
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The fastest.
    pub fn floor(&self) -> f64 {
        self.0.first().copied().unwrap_or_default()
    }

    fn number(&self) -> f64 {
        number(self.0.len())
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.number()
    }

    fn variance(&self) -> f64 {
        let mean = self.mean();
        self.0.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (self.number() - 1.0)
    }
}

/// Welch's t: how far apart the means are, in terms of how sure one can be of them.
pub fn welch(one: &Sample, two: &Sample) -> f64 {
    let deviation = (one.variance() / one.number() + two.variance() / two.number()).sqrt();
    if deviation == 0.0 { 0.0 } else { (one.mean() - two.mean()) / deviation }
}

#[expect(clippy::cast_precision_loss, reason = "there are some thousand samples")]
fn number(length: usize) -> f64 {
    length as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of some thousand is some thousand")]
fn kept(length: usize) -> usize {
    (number(length) * KEPT).ceil() as usize
}
