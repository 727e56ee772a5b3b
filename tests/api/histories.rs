//! Every history of a small world, with the real judge, ratchet and search, for the guarantees G1 and G2 of docs/guarantees.md.
//!
//! Time goes in ticks, windows are two or three of them, pauses may be of any length. What takes "less than a window"
//! takes one tick less at most. States that differ only in what no rule looks at count as one.
#![cfg(test)]

mod court;
mod explore;
mod honest;
mod thief;

use tokend::clock::Seconds;
use tokend::domain::Recovery;

use court::Court;
use explore::explore;
use honest::{Habits, Honest, Sends, Stores};
use thief::{Stolen, Theft};

const CAREFUL: Habits =
    Habits { stores: Stores::IfUnchanged, sends: Sends::Carefully, in_flight: 2, request: 2, both: 2, repeats: false };

fn client(habits: Habits, window: Seconds) -> Honest {
    Honest::new(habits, Court::new(window, Recovery::On))
}

#[track_caller]
fn never_logged_out(habits: Habits, window: Seconds) {
    match explore(client(habits, window)) {
        Ok(states) => println!("{states} states, window {window}, {habits:?}"),
        Err(history) => panic!("{history}\nwith window {window}, {habits:?}"),
    }
}

#[track_caller]
fn logged_out(habits: Habits, window: Seconds) {
    let history = explore(client(habits, window)).expect_err("no such history");
    println!("window {window}, {habits:?}, {history}");
    assert!(history.starts_with("an honest client was logged out"), "{history}");
}

/// At most `visits` visits of the thief succeed, and what is broken if not.
fn stolen(window: Seconds, recovery: Recovery, theft: Theft) -> Result<(), String> {
    let states = explore(Stolen::new(theft, Court::new(window, recovery)))?;
    println!("{states} states, window {window}, {recovery:?}, {theft:?}");
    Ok(())
}

#[test]
fn a_client_with_one_request_at_a_time_is_never_logged_out() {
    for stores in [Stores::All, Stores::IfUnchanged] {
        for window in [1, 2, 3, 4] {
            let alone = Habits { stores, sends: Sends::Freely, in_flight: 1, request: window, both: window, ..CAREFUL };
            never_logged_out(alone, window);
        }
    }
}

#[test]
fn tabs_whose_requests_take_no_time_are_never_logged_out() {
    for stores in [Stores::All, Stores::IfUnchanged] {
        for window in [1, 2, 3] {
            let at_once = Habits { stores, sends: Sends::Freely, in_flight: 3, request: 1, both: 0, repeats: true };
            never_logged_out(at_once, window);
        }
    }
}

#[test]
fn tabs_that_repeat_carefully_are_never_logged_out() {
    for window in [2, 3] {
        for in_flight in [2, 3] {
            never_logged_out(Habits { in_flight, request: window, both: 0, stores: Stores::All, ..CAREFUL }, window);
            if (in_flight, window) != (3, 3) {
                never_logged_out(Habits { in_flight, request: window, both: window, ..CAREFUL }, window);
            }
        }
    }
}

#[test]
fn two_requests_on_both_sides_of_the_windows_end_log_out() {
    for stores in [Stores::All, Stores::IfUnchanged] {
        logged_out(Habits { stores, sends: Sends::Freely, request: 2, both: 0, ..CAREFUL }, 3);
    }
    logged_out(Habits { repeats: true, request: 2, both: 0, ..CAREFUL }, 3);
}

#[test]
fn an_old_answer_that_is_stored_over_newer_ones_logs_out() {
    logged_out(Habits { stores: Stores::All, ..CAREFUL }, 3);
}

#[test]
fn a_thief_comes_twice_at_most_and_once_to_a_strict_client() {
    for (window, in_flight) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let theft = Theft { apart: 2 * window, in_flight, visits: 2 };
        stolen(window, Recovery::On, theft).unwrap();
        stolen(window, Recovery::Strict, Theft { visits: 1, ..theft }).unwrap();
    }
}

#[test]
fn a_thief_who_is_closer_than_two_windows_keeps_step() {
    for window in [1, 2, 3] {
        let theft = Theft { apart: 2 * window - 1, in_flight: 1, visits: 2 };
        stolen(window, Recovery::On, theft).unwrap_err();
        stolen(window, Recovery::Strict, Theft { visits: 1, ..theft }).unwrap_err();
    }
}

#[test]
fn a_thief_who_keeps_the_stolen_token_can_come_a_second_time() {
    // The copied token stays the parent of all that is recovered from it, by whomever.
    let theft = Theft { apart: 8, in_flight: 1, visits: 1 };
    let history = stolen(2, Recovery::On, theft).unwrap_err();
    println!("{history}");
    assert!(history.contains("Thief { token: 0, verdict: Recover"), "{history}");
}
