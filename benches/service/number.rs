//! Numbers of measurements: counts as fractions, medians, percentiles.

use std::time::Duration;

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// How often a second something happened.
pub fn rate(count: usize, time: Duration) -> f64 {
    float(count as u64) / time.as_secs_f64()
}

/// The middle one, or the lower of the two in the middle; 0 of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// What `permille` of a thousand of the sorted microseconds don't exceed, in milliseconds; 0 of nothing.
pub fn percentile(sorted: &[u32], permille: usize) -> f64 {
    let rank = (sorted.len() * permille).div_ceil(1000);
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}

/// Where `place` of `places` lies in a range of `length`.
pub fn spread(place: u32, places: u32, length: i64) -> i64 {
    i64::from(place) * length / i64::from(places.max(1))
}
