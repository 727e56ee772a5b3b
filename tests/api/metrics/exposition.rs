//! A reader of Prometheus' text format, version 0.0.4, that is stricter than any that there is.

use std::collections::{BTreeMap, BTreeSet};

/// All series in their order, each with its number.
#[derive(Debug)]
pub struct Exposition(Vec<(String, f64)>);

impl Exposition {
    /// Fails unless all of it is as the format wants it.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends");
        let mut lines = text.lines().peekable();
        let (mut families, mut all) = (BTreeSet::new(), Vec::new());
        while let Some(line) = lines.next() {
            let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).expect(line);
            let is_ours = name.starts_with("tokend_") || name.starts_with("process_");
            assert!(is_name(name) && is_ours && families.insert(name.to_owned()), "{line}");
            assert!(help.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'\\'), "{line}");
            let line = lines.next().expect("a type after the help");
            let kind = line.strip_prefix(&format!("# TYPE {name} ")).expect(line);
            let mut samples = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                samples.push(sample(line));
            }
            assert!(!samples.is_empty(), "{name} has no samples");
            match kind {
                "histogram" => assert_histogram(name, &samples),
                "counter" | "gauge" => {
                    assert!(samples.iter().all(|sample| sample.name == name), "{name}");
                    assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
                }
                _ => panic!("{line}"),
            }
            all.extend(samples.into_iter().map(|sample| (sample.series, sample.value)));
        }
        assert_eq!(all.iter().map(|(series, _)| series).collect::<BTreeSet<_>>().len(), all.len(), "each series once");
        Self(all)
    }

    /// The series, whatever their numbers.
    pub fn series(&self) -> Vec<&str> {
        self.0.iter().map(|(series, _)| series.as_str()).collect()
    }

    /// The number of one series.
    #[track_caller]
    pub fn value(&self, series: &str) -> f64 {
        self.0.iter().find(|(found, _)| found == series).unwrap_or_else(|| panic!("no {series} in {self:?}")).1
    }

    /// By how much each counter has moved, without the reading in between. Every request is also in a histogram.
    #[track_caller]
    pub fn since(&self, before: &Self) -> Vec<(String, u64)> {
        assert_eq!(self.series(), before.series());
        let mut moved = BTreeMap::new();
        for ((series, now), (_, then)) in self.0.iter().zip(&before.0) {
            let is_count = series.contains("_total") || series.contains("_count{") || series.ends_with("_count");
            assert!(now >= then || !is_count, "{series}");
            // How the server does what it is asked has tests of its own.
            let is_inner =
                ["process_", "tokend_lane_", "tokend_hashing_"].iter().any(|inner| series.starts_with(inner));
            if is_inner {
                continue;
            }
            let reading = f64::from(is_count && series.contains(r#""/metrics""#) && !series.contains("4xx"));
            if is_count && *now - *then > reading {
                moved.insert(series.clone(), *now - *then - reading);
            }
        }
        for (endpoint, timed) in moved.extract_if(.., |series, _| series.contains("_count")).collect::<Vec<_>>() {
            let label = endpoint.trim_start_matches("tokend_request_seconds_count").trim_end_matches('}');
            let of_endpoint = moved.iter().filter(|(series, _)| series.contains(&format!("requests_total{label},")));
            assert!((of_endpoint.map(|(_, by)| by).sum::<f64>() - timed).abs() < 0.5, "{endpoint}: {moved:?}");
        }
        moved.into_iter().map(|(series, by)| (series, whole(by))).collect()
    }
}

struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    series: String,
    value: f64,
}

#[track_caller]
fn sample(line: &str) -> Sample<'_> {
    let (series, value) = line.rsplit_once(' ').expect(line);
    let (name, labels) = match series.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}').expect(line).split(',').map(label).collect()),
        None => (series, Vec::new()),
    };
    assert!(is_name(name), "{line}");
    let number = value.strip_prefix('-').unwrap_or(value);
    assert!(number.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{line}");
    Sample { name, labels, series: series.to_owned(), value: value.parse().expect(line) }
}

#[track_caller]
fn label(pair: &str) -> (&str, &str) {
    let (name, quoted) = pair.split_once('=').expect(pair);
    let text = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect(pair);
    assert!(is_name(name) && !text.is_empty(), "{pair}");
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+()".contains(&b)), "{pair}");
    (name, text)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// Buckets are cumulative and end in `+Inf`, which is the count.
#[track_caller]
fn assert_histogram(name: &str, samples: &[Sample<'_>]) {
    let mut by_labels: BTreeMap<String, Vec<&Sample<'_>>> = BTreeMap::new();
    for sample in samples {
        let others = sample.labels.iter().filter(|(name, _)| *name != "le");
        by_labels.entry(format!("{:?}", others.collect::<Vec<_>>())).or_default().push(sample);
    }
    for (endpoint, samples) in by_labels {
        let [buckets @ .., sum, count] = &samples[..] else { panic!("{endpoint}") };
        let bound = |bucket: &&Sample<'_>| {
            bucket.labels.last().map(|(name, written)| (name.to_string(), written.to_string())).expect("a bound")
        };
        assert_eq!((sum.name, count.name), (&*format!("{name}_sum"), &*format!("{name}_count")));
        assert!(buckets.iter().all(|bucket| bucket.name == format!("{name}_bucket") && bound(bucket).0 == "le"));
        assert!(buckets.is_sorted_by(|one, other| one.value <= other.value), "{endpoint}");
        let bounds: Vec<f64> = buckets.iter().map(|bucket| bound(bucket).1.parse().unwrap()).collect();
        assert!(bounds.is_sorted_by(|one, other| one < other) && bounds.last() == Some(&f64::INFINITY), "{bounds:?}");
        assert_eq!(whole(buckets.last().expect("a bucket").value), whole(count.value), "{endpoint}");
        assert_eq!(sum.value > 0.0, count.value > 0.0, "{endpoint}");
    }
}

/// A number of events.
#[track_caller]
fn whole(number: f64) -> u64 {
    number.to_string().parse().expect("a whole number")
}
