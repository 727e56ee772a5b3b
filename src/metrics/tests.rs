//! The sets of values are whole, in order, and need no escaping.

use std::time::Duration;

use super::labels::{Label, Status};
use super::*;

/// Each value has a counter of its own, under its own name.
#[track_caller]
fn is_whole<L: Label + std::fmt::Debug>() {
    let mut names: Vec<&str> = L::ALL.iter().map(|value| value.name()).collect();
    for (n, value) in L::ALL.iter().enumerate() {
        assert_eq!(value.index(), n, "{value:?}");
        assert!(value.name().bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'), "{value:?}");
        let counters = Counters::<L>::default();
        counters.count(*value);
        assert_eq!(counters.read().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), [(value.name(), 1)]);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), L::ALL.len());
}

#[test]
fn every_value_of_a_label_has_its_own_counter() {
    is_whole::<Status>();
    is_whole::<Verdict>();
    is_whole::<SignIn>();
    is_whole::<Failures>();
    is_whole::<Level>();
    is_whole::<Lane>();
}

/// The last of each is in its set; none can be missing before it, since the indices have no gap.
#[test]
fn no_value_is_left_out() {
    assert_eq!(Status::ALL.last(), Some(&Status::Unavailable));
    assert_eq!(Verdict::ALL.last(), Some(&Verdict::Ahead));
    assert_eq!(SignIn::ALL.last(), Some(&SignIn::Busy));
    assert_eq!(Failures::ALL.last(), Some(&Failures::Introspections));
    assert_eq!(Level::ALL.last(), Some(&Level::TRACE));
    assert_eq!(Lane::ALL.last(), Some(&Lane::Credentials));
}

#[test]
fn a_status_counts_for_its_class_unless_it_is_watched_by_itself() {
    for (status, expected) in [
        (200, "2xx"),
        (204, "2xx"),
        (304, "3xx"),
        (400, "4xx"),
        (404, "4xx"),
        (429, "429"),
        (500, "5xx"),
        (503, "503"),
        (504, "5xx"),
    ] {
        assert_eq!(Status::from(status).name(), expected, "{status}");
    }
}

#[test]
fn a_failover_counts_once_whatever_it_lost() {
    let metrics = Metrics::default();
    metrics.failed_over();
    metrics.failed_over();
    metrics.restored(0);
    metrics.restored(7);
    metrics.rewound(3);
    assert!(metrics.has_rewound() && !Metrics::default().has_rewound());
    let gauges = Gauges { registry_age: Duration::from_millis(1_500), ..Gauges::default() };
    let text = metrics.render(&gauges);
    for line in [
        "tokend_failovers_total 2",
        "tokend_revocations_restored_total 7",
        "tokend_audit_rewound_total 3",
        "tokend_registry_age_seconds 1.500000000",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
    }
}

/// Each thread has routes of its own, and counts with the others.
#[test]
fn an_endpoint_has_one_counter_however_often_it_is_asked_for() {
    let metrics = Metrics::default();
    for status in [200, 204, 503] {
        metrics.requests.of("/x/{id}").count(status, Duration::ZERO);
    }
    let _ = metrics.requests.of("/never");
    let text = metrics.render(&Gauges::default());
    for line in [
        "tokend_requests_total{endpoint=\"/x/{id}\",status=\"2xx\"} 2",
        "tokend_requests_total{endpoint=\"/x/{id}\",status=\"503\"} 1",
        "tokend_requests_total{endpoint=\"/never\",status=\"2xx\"} 0",
    ] {
        assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line:?} is not in\n{text}");
    }
}
