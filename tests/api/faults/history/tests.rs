//! A checker that can't fail proves nothing: histories that break one promise each, and one that breaks none.

use std::path::Path;

use super::rules::broken;
use super::{Ask, Call, Got, History, Moment, Token};

fn token(generation: i64, hash: &str) -> Token {
    Token { session: "s".to_owned(), generation, hash: hash.to_owned() }
}

fn call(begin: Moment, end: Moment, ask: Ask, got: Got) -> Call {
    Call { client: 0, node: 0, begin, end, session: Some("s".to_owned()), ask, got }
}

fn tokens(generation: i64, hash: &str, verdict: &str) -> Got {
    Got::Tokens { token: token(generation, hash), verdict: verdict.to_owned() }
}

fn exchange(begin: Moment, of: Token, got: Got) -> Call {
    call(begin, begin + 5, Ask::Exchange(of), got)
}

/// A sign-in, a rotation, one whose answer got lost and what makes it good, and an end.
fn good() -> Vec<Call> {
    vec![
        call(0, 5, Ask::SignIn, tokens(1, "a", "sign-in")),
        exchange(10, token(1, "a"), tokens(2, "b", "rotate")),
        exchange(20, token(2, "b"), Got::Nothing),
        exchange(30, token(2, "b"), tokens(3, "c", "replay")),
        exchange(40, token(3, "c"), Got::Unavailable),
        exchange(50, token(3, "c"), tokens(5, "e", "recover")),
        call(60, 65, Ask::Introspect, Got::Active),
        // The first is not answered, and may be done at any time from here on.
        call(70, 75, Ask::Revoke, Got::Nothing),
        call(80, 85, Ask::Introspect, Got::Active),
        call(90, 95, Ask::Introspect, Got::Inactive),
        call(100, 105, Ask::Revoke, Got::Done),
        exchange(110, token(5, "e"), Got::Refused),
    ]
}

#[track_caller]
fn breaks(promise: &str, more: Call) {
    let calls = [good(), vec![more]].concat();
    let broken = broken(&calls);
    assert!(broken.iter().any(|broken| broken.promise.starts_with(promise)), "{promise} in {broken:?}");
    assert!(broken.iter().all(|broken| broken.by == calls.last().unwrap()), "{broken:?}");
}

#[test]
fn a_good_history_breaks_no_promise() {
    assert!(broken(&good()).is_empty(), "{:?}", broken(&good()));
}

#[test]
fn two_successors_of_one_token_are_found() {
    breaks("G1: one successor", exchange(31, token(2, "b"), tokens(3, "x", "replay")));
}

#[test]
fn a_token_that_is_rotated_twice_is_found() {
    breaks("G1: a token is rotated once", exchange(51, token(1, "a"), tokens(9, "x", "rotate")));
}

#[test]
fn a_rotation_that_was_forgotten_is_found() {
    breaks("G4: an acknowledged rotation", exchange(36, token(1, "a"), tokens(2, "b", "replay")));
    breaks("G4: an acknowledged rotation", exchange(56, token(3, "c"), tokens(5, "e", "recover")));
}

#[test]
fn what_works_after_an_acknowledged_end_is_found() {
    breaks("G3, G4, G5", call(106, 107, Ask::Introspect, Got::Active));
    breaks("G3, G4, G5", exchange(106, token(5, "e"), tokens(6, "f", "rotate")));
}

#[test]
fn what_was_under_way_when_the_end_was_acknowledged_may_have_worked() {
    let calls = [good(), vec![call(104, 120, Ask::Introspect, Got::Active)]].concat();
    assert!(broken(&calls).is_empty());
}

#[test]
fn an_old_token_that_works_is_found() {
    breaks("G3, G4, G5", call(66, 67, Ask::Steal(token(1, "a")), tokens(6, "f", "rotate")));
}

#[test]
fn what_works_after_reuse_is_found() {
    let steal = call(66, 67, Ask::Steal(token(1, "a")), Got::Refused);
    let calls = [good(), vec![steal]].concat();
    let broken = broken(&calls);
    assert!(broken.iter().any(|broken| broken.by.begin == 80), "{broken:?}");
}

#[test]
fn an_honest_client_that_is_logged_out_is_found() {
    breaks("G2", exchange(56, token(5, "e"), Got::Refused));
    breaks("G2", call(56, 57, Ask::Introspect, Got::Inactive));
}

#[test]
fn answers_that_are_nobodys_are_found() {
    breaks("no answer but", call(56, 57, Ask::Introspect, Got::Other("500".to_owned())));
    let other = Token { session: "t".to_owned(), ..token(6, "f") };
    breaks("no answer but", exchange(56, token(5, "e"), Got::Tokens { token: other, verdict: "rotate".to_owned() }));
}

#[test]
fn what_was_known_at_a_moment_leaves_out_what_came_later() {
    let history = History { seed: 1, calls: good() };
    let known = history.known_at(32, 45);
    assert_eq!(known.calls.len(), 5);
    assert_eq!((&known.calls[3].got, &known.calls[4].got), (&Got::Nothing, &Got::Nothing));
    assert_eq!(history.under_way(&[32, 200]).collect::<Vec<_>>(), [&history.calls[3]]);
    assert_eq!(known.calls[..3], history.calls[..3]);
}

#[test]
fn a_failing_history_is_saved_and_can_be_judged_again() {
    let bad = exchange(56, token(5, "e"), Got::Refused);
    let history = History { seed: 42, calls: [good(), vec![bad]].concat() };
    let said = std::panic::catch_unwind(|| history.must_hold("saved")).unwrap_err();
    let said = said.downcast_ref::<String>().unwrap();
    let path = said.split("TOKEND_TEST_HISTORY=").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(History::load(Path::new(path)), history);
    assert_eq!(broken(&History::load(Path::new(path)).calls).len(), 1);
    std::fs::remove_file(path).unwrap();
}

/// `TOKEND_TEST_HISTORY=FILE tests/run.sh a_saved_history` says what is wrong with a history that a test has saved.
#[test]
fn a_saved_history_breaks_no_promise() {
    let Some(path) = std::env::var_os("TOKEND_TEST_HISTORY") else { return };
    let history = History::load(Path::new(&path));
    println!("{}", history.summary());
    for broken in broken(&history.calls) {
        println!("{broken}");
    }
    assert!(broken(&history.calls).is_empty());
}
