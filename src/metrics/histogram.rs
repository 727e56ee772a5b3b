//! Histograms of times and of batch sizes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::text::{Text, seconds};

/// The classes of a histogram, and what its numbers are.
#[derive(Debug)]
pub(super) struct Scale {
    /// The upper bounds of the classes, each of which it belongs to, and how they are written. Above the last one is one more.
    bounds: &'static [(u64, &'static str)],
    /// How the sum is written.
    written: fn(u64) -> String,
}

/// Times, in nanoseconds. An introspection is in the first class, a password hash in the third or fourth, a request that waits for
/// a database in the last.
static TIMES: Scale = Scale {
    bounds: &[
        (1_000_000, "0.001"),
        (5_000_000, "0.005"),
        (25_000_000, "0.025"),
        (100_000_000, "0.1"),
        (500_000_000, "0.5"),
        (2_500_000_000, "2.5"),
        (10_000_000_000, "10"),
    ],
    written: |nanoseconds| seconds(Duration::from_nanos(nanoseconds)),
};

/// How many items went out as one statement: from one alone to the most that may.
static BATCHES: Scale =
    Scale { bounds: &[(1, "1"), (4, "4"), (16, "16"), (64, "64"), (256, "256")], written: |items| items.to_string() };

/// A histogram of times or of numbers.
#[derive(Debug)]
pub struct Histogram {
    scale: &'static Scale,
    /// How many are in each class, and in no lower one.
    counts: Vec<AtomicU64>,
    /// A sum of nanoseconds overflows after 584 years.
    sum: AtomicU64,
}

impl Histogram {
    /// An empty histogram of times.
    pub fn of_times() -> Self {
        Self::of(&TIMES)
    }

    /// An empty histogram of the sizes of batches.
    pub fn of_batches() -> Self {
        Self::of(&BATCHES)
    }

    fn of(scale: &'static Scale) -> Self {
        let counts = (0..=scale.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { scale, counts, sum: AtomicU64::new(0) }
    }

    pub fn observe(&self, took: Duration) {
        self.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// One more batch of that many items.
    pub fn observe_batch(&self, items: usize) {
        self.add(u64::try_from(items).unwrap_or(u64::MAX));
    }

    fn add(&self, value: u64) {
        let class = self.scale.bounds.iter().take_while(|(bound, _)| value > *bound).count();
        if let Some(count) = self.counts.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Its samples. The count is the last bucket itself: others are counted meanwhile, and the two must agree.
    pub(super) fn render(&self, text: &mut Text, name: &str, label: Option<(&str, &str)>) {
        let bounds = self.scale.bounds.iter().map(|(_, written)| *written).chain(["+Inf"]);
        let labels: Vec<_> = label.into_iter().collect();
        let mut total = 0;
        for (bound, count) in bounds.zip(&self.counts) {
            total += count.load(Ordering::Relaxed);
            text.sample(&format!("{name}_bucket"), &[&labels[..], &[("le", bound)]].concat(), total);
        }
        text.sample(&format!("{name}_sum"), &labels, (self.scale.written)(self.sum.load(Ordering::Relaxed)));
        text.sample(&format!("{name}_count"), &labels, total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(histogram: &Histogram, label: Option<(&str, &str)>) -> Vec<String> {
        let mut text = Text::default();
        histogram.render(&mut text, "h", label);
        text.into_string().lines().map(str::to_owned).collect()
    }

    fn of_times(observed: &[Duration]) -> Histogram {
        let histogram = Histogram::of_times();
        for took in observed {
            histogram.observe(*took);
        }
        histogram
    }

    /// The cumulated buckets.
    fn buckets(histogram: &Histogram) -> Vec<u64> {
        let lines = rendered(histogram, None);
        let of_buckets = lines.iter().filter(|line| line.starts_with("h_bucket"));
        of_buckets.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap()).collect()
    }

    #[test]
    fn the_buckets_are_cumulative_and_end_in_infinity() {
        let times = [Duration::from_micros(400), Duration::from_millis(20), Duration::from_secs(11)];
        let lines = rendered(&of_times(&times), Some(("endpoint", "/x")));
        let expected = [
            r#"h_bucket{endpoint="/x",le="0.001"} 1"#,
            r#"h_bucket{endpoint="/x",le="0.005"} 1"#,
            r#"h_bucket{endpoint="/x",le="0.025"} 2"#,
            r#"h_bucket{endpoint="/x",le="0.1"} 2"#,
            r#"h_bucket{endpoint="/x",le="0.5"} 2"#,
            r#"h_bucket{endpoint="/x",le="2.5"} 2"#,
            r#"h_bucket{endpoint="/x",le="10"} 2"#,
            r#"h_bucket{endpoint="/x",le="+Inf"} 3"#,
            r#"h_sum{endpoint="/x"} 11.020400000"#,
            r#"h_count{endpoint="/x"} 3"#,
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn batches_are_counted_by_their_size_and_summed_in_items() {
        let histogram = Histogram::of_batches();
        for items in [1, 1, 2, 256, 257] {
            histogram.observe_batch(items);
        }
        let expected = [
            r#"h_bucket{le="1"} 2"#,
            r#"h_bucket{le="4"} 3"#,
            r#"h_bucket{le="16"} 3"#,
            r#"h_bucket{le="64"} 3"#,
            r#"h_bucket{le="256"} 4"#,
            r#"h_bucket{le="+Inf"} 5"#,
            "h_sum 517",
            "h_count 5",
        ];
        assert_eq!(rendered(&histogram, None), expected);
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket_and_what_is_longer_to_the_next() {
        for (n, (bound, _)) in TIMES.bounds.iter().enumerate() {
            let bound = Duration::from_nanos(*bound);
            let expected = |first: usize| (0..8).map(|class| u64::from(class >= first)).collect::<Vec<_>>();
            assert_eq!(buckets(&of_times(&[bound])), expected(n), "{bound:?}");
            let longer = bound + Duration::from_nanos(1);
            assert_eq!(buckets(&of_times(&[longer])), expected(n + 1), "{longer:?}");
        }
        assert_eq!(buckets(&of_times(&[Duration::ZERO])), [1; 8]);
        assert_eq!(buckets(&of_times(&[Duration::MAX])), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(buckets(&of_times(&[])), [0; 8]);
    }

    #[test]
    fn the_bounds_rise_and_are_written_as_what_they_are() {
        for (scale, unit) in [(&TIMES, 1e9), (&BATCHES, 1.0)] {
            assert!(scale.bounds.is_sorted_by(|one, other| one.0 < other.0));
            for (bound, written) in scale.bounds {
                assert_eq!(format!("{}", written.parse::<f64>().unwrap() * unit), bound.to_string());
            }
        }
    }
}
