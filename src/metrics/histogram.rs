//! How long things took, in few classes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::text::{Text, seconds};

/// The upper bounds of the classes, each of which it belongs to, and how they are written. Above the last one is one more.
/// An introspection is in the first, a password hash in the third or fourth, whoever waits for a database in the last.
const BOUNDS: [(Duration, &str); 7] = [
    (Duration::from_millis(1), "0.001"),
    (Duration::from_millis(5), "0.005"),
    (Duration::from_millis(25), "0.025"),
    (Duration::from_millis(100), "0.1"),
    (Duration::from_millis(500), "0.5"),
    (Duration::from_millis(2500), "2.5"),
    (Duration::from_secs(10), "10"),
];

/// A histogram of lengths of time.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// How many are in each class, and in no lower one.
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// Their sum, which overflows after 584 years.
    nanoseconds: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, took: Duration) {
        let class = BOUNDS.iter().take_while(|(bound, _)| took > *bound).count();
        if let Some(count) = self.counts.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Its samples. The count is the last bucket itself: others are counted meanwhile, and the two must agree.
    pub(super) fn render(&self, text: &mut Text, name: &str, label: (&str, &str)) {
        let bounds = BOUNDS.iter().map(|(_, written)| *written).chain(["+Inf"]);
        let mut total = 0;
        for (bound, count) in bounds.zip(&self.counts) {
            total += count.load(Ordering::Relaxed);
            text.sample(&format!("{name}_bucket"), &[label, ("le", bound)], total);
        }
        let sum = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        text.sample(&format!("{name}_sum"), &[label], seconds(sum));
        text.sample(&format!("{name}_count"), &[label], total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(observed: &[Duration]) -> Vec<String> {
        let histogram = Histogram::default();
        for took in observed {
            histogram.observe(*took);
        }
        let mut text = Text::default();
        histogram.render(&mut text, "h", ("endpoint", "/x"));
        text.into_string().lines().map(str::to_owned).collect()
    }

    /// The cumulated buckets.
    fn buckets(observed: &[Duration]) -> [u64; 8] {
        let lines = rendered(observed);
        std::array::from_fn(|n| lines[n].rsplit_once(' ').unwrap().1.parse().unwrap())
    }

    #[test]
    fn the_buckets_are_cumulative_and_end_in_infinity() {
        let lines = rendered(&[Duration::from_micros(400), Duration::from_millis(20), Duration::from_secs(11)]);
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
    fn a_bound_belongs_to_its_own_bucket_and_what_is_longer_to_the_next() {
        for (n, (bound, _)) in BOUNDS.into_iter().enumerate() {
            assert_eq!(buckets(&[bound]), std::array::from_fn(|class| u64::from(class >= n)), "{bound:?}");
            let longer = bound + Duration::from_nanos(1);
            assert_eq!(buckets(&[longer]), std::array::from_fn(|class| u64::from(class > n)), "{longer:?}");
        }
        assert_eq!(buckets(&[Duration::ZERO]), [1; 8]);
        assert_eq!(buckets(&[Duration::MAX]), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(buckets(&[]), [0; 8]);
    }

    #[test]
    fn the_bounds_rise_and_are_written_as_what_they_are() {
        assert!(BOUNDS.is_sorted_by(|one, other| one.0 < other.0));
        for (bound, written) in BOUNDS {
            assert_eq!(Duration::from_secs_f64(written.parse().unwrap()), bound);
        }
    }
}
