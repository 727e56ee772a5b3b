//! The rules of `docs/design.md#verdicts`, row by row and boundary by boundary.

use proptest::prelude::*;

use super::super::Verdict::{self, Ahead, Recover, Replay, Reuse, Rotate, Unrotated};
use super::super::{Presented, judge};
use crate::clock::{Seconds, UnixTime};
use crate::domain::{Anchor, Recovery, RefreshPolicy, SecretHash, Session};
use crate::token::fixture::{policy, session};

/// When the current token was made.
const ROTATED: UnixTime = 1_000_000;
const W: Seconds = 10;

fn hash(name: &str) -> SecretHash {
    SecretHash::of(name.as_bytes())
}

/// The fifth token is current; the second is the anchor, exchanged 2 seconds before.
fn row() -> Session {
    Session {
        generation: 5,
        parent_hash: Some(hash("parent")),
        anchor: Some(Anchor { generation: 2, at: ROTATED - 2 }),
        ..session(ROTATED, hash("current"))
    }
}

fn current() -> Presented {
    Presented { hash: hash("current"), generation: 5, issued_at: ROTATED }
}

fn parent() -> Presented {
    Presented { hash: hash("parent"), generation: 4, issued_at: ROTATED - 1 }
}

/// A token that is neither current nor the parent, made `age` seconds before the current one.
fn other(generation: i64, age: Seconds) -> Presented {
    Presented { hash: hash("other"), generation, issued_at: ROTATED - age }
}

#[track_caller]
fn verdicts(row: &Session, policy: &RefreshPolicy, presented: &Presented, expected: &[(Seconds, Verdict)]) {
    for (since, verdict) in expected {
        let at = judge(presented, row, ROTATED + since, policy);
        assert_eq!(at, *verdict, "{since} s after the last exchange, {policy:?}");
    }
}

const LONG: Seconds = 40_000_000;

#[test]
fn the_current_token_is_always_exchanged() {
    for recovery in [Recovery::On, Recovery::Strict] {
        let always = [-LONG, -1, 0, W - 1, W, 2 * W, LONG].map(|since| (since, Rotate));
        verdicts(&row(), &policy(recovery), &current(), &always);
    }
}

#[test]
fn a_parent_is_a_retry_inside_the_window_and_recovers_after_it() {
    let expected = [(0, Replay), (1, Replay), (W - 1, Replay), (W, Recover), (W + 1, Recover), (LONG, Recover)];
    verdicts(&row(), &policy(Recovery::On), &parent(), &expected);
}

#[test]
fn a_strict_client_has_the_window_and_no_more() {
    let expected = [(0, Replay), (W - 1, Replay), (W, Reuse), (W + 1, Reuse), (LONG, Reuse)];
    verdicts(&row(), &policy(Recovery::Strict), &parent(), &expected);
}

#[test]
fn the_age_of_the_parent_itself_does_not_matter() {
    for age in [0, W, 2 * W, LONG] {
        let parent = Presented { issued_at: ROTATED - age, ..parent() };
        verdicts(&row(), &policy(Recovery::On), &parent, &[(W - 1, Replay), (W, Recover)]);
    }
}

#[test]
fn an_ancestor_or_orphan_is_a_retry_until_it_is_two_windows_old() {
    for recovery in [Recovery::On, Recovery::Strict] {
        for generation in [0, 1, 3, 4, 5] {
            let expected = [(0, Replay), (2 * W - 4, Replay), (2 * W - 3, Reuse), (2 * W - 2, Reuse), (LONG, Reuse)];
            verdicts(&row(), &policy(recovery), &other(generation, 3), &expected);
            verdicts(&row(), &policy(recovery), &other(generation, 2 * W - 1), &[(0, Replay), (1, Reuse)]);
            verdicts(&row(), &policy(recovery), &other(generation, 2 * W), &[(0, Reuse)]);
        }
    }
}

#[test]
fn the_anchor_is_a_retry_until_a_window_after_its_exchange() {
    let expected = [(0, Replay), (W - 3, Replay), (W - 2, Reuse), (W - 1, Reuse), (LONG, Reuse)];
    for recovery in [Recovery::On, Recovery::Strict] {
        verdicts(&row(), &policy(recovery), &other(2, LONG), &expected);
        verdicts(&row(), &policy(recovery), &other(1, LONG), &[(0, Reuse)]);
        verdicts(&row(), &policy(recovery), &other(3, LONG), &[(0, Reuse)]);
        verdicts(&Session { anchor: None, ..row() }, &policy(recovery), &other(2, LONG), &[(0, Reuse)]);
    }
}

#[test]
fn a_token_from_after_the_row_is_never_reuse() {
    for recovery in [Recovery::On, Recovery::Strict] {
        for rotation in [true, false] {
            let policy = RefreshPolicy { rotation, ..policy(recovery) };
            for presented in [other(6, 0), other(6, -LONG), other(6, LONG), other(i64::MAX, 0)] {
                verdicts(&row(), &policy, &presented, &[(-LONG, Ahead), (0, Ahead), (W, Ahead), (LONG, Ahead)]);
            }
        }
    }
}

#[test]
fn without_a_window_nothing_is_a_retry() {
    for (recovery, later) in [(Recovery::On, Recover), (Recovery::Strict, Reuse)] {
        let policy = RefreshPolicy { reuse_window: 0, ..policy(recovery) };
        let anchored = Session { anchor: Some(Anchor { generation: 2, at: ROTATED }), ..row() };
        for since in [-LONG, -1, 0, 1, LONG] {
            verdicts(&anchored, &policy, &current(), &[(since, Rotate)]);
            verdicts(&anchored, &policy, &parent(), &[(since, later)]);
            verdicts(&anchored, &policy, &other(2, 0), &[(since, Reuse)]);
            verdicts(&anchored, &policy, &other(5, -LONG), &[(since, Reuse)]);
        }
    }
}

#[test]
fn a_clock_that_is_set_back_logs_nobody_out() {
    for recovery in [Recovery::On, Recovery::Strict] {
        let policy = policy(recovery);
        for presented in [parent(), other(4, 3), other(2, LONG)] {
            verdicts(&row(), &policy, &presented, &[(-LONG, Replay), (-1, Replay)]);
        }
    }
}

#[test]
fn a_time_from_before_the_clock_was_set_back_is_not_believed_for_long() {
    let from_the_future = Session { anchor: Some(Anchor { generation: 2, at: ROTATED + LONG }), ..row() };
    let policy = policy(Recovery::On);
    verdicts(&from_the_future, &policy, &other(4, -LONG), &[(0, Replay), (2 * W - 1, Replay), (2 * W, Reuse)]);
    verdicts(&from_the_future, &policy, &other(2, LONG), &[(0, Replay), (W - 1, Replay), (W, Reuse)]);
}

#[test]
fn with_rotation_off_the_current_token_is_answered_with_itself() {
    for recovery in [Recovery::On, Recovery::Strict] {
        let policy = RefreshPolicy { rotation: false, ..policy(recovery) };
        verdicts(&row(), &policy, &current(), &[(-LONG, Unrotated), (0, Unrotated), (W, Unrotated), (LONG, Unrotated)]);
    }
}

#[test]
fn tokens_from_before_rotation_was_switched_off_keep_their_meaning() {
    for recovery in [Recovery::On, Recovery::Strict] {
        let on = policy(recovery);
        let off = RefreshPolicy { rotation: false, ..on };
        for presented in [parent(), other(4, 3), other(2, LONG), other(3, LONG), other(5, 3), other(6, 0)] {
            for since in [-1, 0, W - 3, W - 1, W, 2 * W - 4, 2 * W, LONG] {
                verdicts(&row(), &off, &presented, &[(since, judge(&presented, &row(), ROTATED + since, &on))]);
            }
        }
    }
}

fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -30..30_i64, Just(i64::MIN), Just(i64::MAX)]
}

proptest! {
    #[test]
    fn no_number_is_too_large_or_too_small(
        (rotated_at, anchor_at, issued_at) in (any_time(), any_time(), any_time()),
        (generation, of_row, of_anchor) in (any_time(), any_time(), any_time()),
        (now, reuse_window) in (any_time(), any_time()),
    ) {
        let anchor = Some(Anchor { generation: of_anchor, at: anchor_at });
        let row = Session { generation: of_row, rotated_at, anchor, ..row() };
        let policy = RefreshPolicy { reuse_window, ..policy(Recovery::On) };
        let presented = Presented { hash: hash("other"), generation, issued_at };
        let verdict = judge(&presented, &row, now, &policy);
        prop_assert_eq!(verdict == Ahead, generation > of_row);
        prop_assert!(verdict == Ahead || verdict == Reuse || (verdict == Replay && reuse_window > 0));

        let presented = Presented { hash: hash("parent"), ..presented };
        let verdict = judge(&presented, &row, now, &policy);
        prop_assert!(verdict == Recover || (verdict == Replay && reuse_window > 0));
    }
}
