//! What an exchange writes, and what the client gets for it.

use super::super::{Exchange, Presented, Rotation, apply, is_alive};
use crate::clock::NEVER;
use crate::domain::{Anchor, PlainSecret, Recovery, RefreshPolicy, Session};
use crate::token::fixture::{first_token, keys, policy, session};
use crate::token::refresh::RefreshToken;

const NOW: i64 = 1_000_000;

/// A session that began at `NOW`, its first token, and what the judge sees of that.
fn begun() -> (Session, RefreshToken, Presented) {
    let token = first_token(NOW);
    let hash = keys().seal(&token).hash();
    (session(NOW, hash), token.clone(), Presented::new(&token, hash))
}

#[track_caller]
fn exchange(session: &Session, token: &RefreshToken, now: i64) -> (Session, PlainSecret, Exchange) {
    let presented = Presented::new(token, keys().seal(token).hash());
    let (exchange, answer) = Exchange::plan(&keys(), token, &presented, session, now, &policy(Recovery::On));
    (apply(session, &exchange).unwrap(), answer, exchange)
}

#[test]
fn the_presented_token_becomes_the_parent_and_its_successor_current() {
    let (before, token, presented) = begun();
    let (after, answer, exchange) = exchange(&before, &token, NOW + 900);
    assert_eq!(exchange.expected_current, presented.hash);
    assert_eq!((after.parent_hash, after.current_hash), (Some(presented.hash), answer.hash()));
    assert_eq!((after.generation, after.rotated_at, after.last_used_at), (2, NOW + 900, NOW + 900));

    let next = keys().open(answer.reveal()).unwrap();
    assert_eq!((next.generation, next.issued_at), (after.generation, after.rotated_at));
    assert_eq!(keys().find_current(&token, &after), Some(answer));
}

#[test]
fn all_who_exchange_the_same_token_at_the_same_time_get_the_same() {
    let (before, token, _) = begun();
    let (after, answer, _) = exchange(&before, &token, NOW + 900);
    assert_eq!(exchange(&before, &token, NOW + 900).1, answer);

    let presented = Presented::new(&token, before.current_hash);
    let (late, _) = Exchange::plan(&keys(), &token, &presented, &before, NOW + 901, &policy(Recovery::On));
    assert!(apply(&after, &late).is_none(), "the first one wins, the others judge again");
}

#[test]
fn a_token_is_the_anchor_if_it_was_a_window_old_when_it_was_exchanged() {
    let (before, token, _) = begun();
    let anchor = Some(Anchor { generation: 40, at: NOW - 5 });
    let before = Session { anchor, ..before };
    for (age, expected) in [(-5, anchor), (0, anchor), (9, anchor)] {
        assert_eq!(exchange(&before, &token, NOW + age).0.anchor, expected, "{age}");
    }
    for age in [10, 11, 40_000_000] {
        assert_eq!(exchange(&before, &token, NOW + age).0.anchor, Some(Anchor { generation: 1, at: NOW + age }));
    }
}

#[test]
fn a_recovery_orphans_the_unused_token() {
    let (before, token, presented) = begun();
    let (lost, unused, _) = exchange(&before, &token, NOW + 900);
    let (after, answer, exchange) = exchange(&lost, &token, NOW + 2_000);
    assert_eq!(exchange.expected_current, unused.hash());
    assert_eq!((after.parent_hash, after.generation), (Some(presented.hash), 3));
    assert_eq!(after.anchor, Some(Anchor { generation: 1, at: NOW + 2_000 }));
    assert_ne!(answer, unused);

    let orphan = keys().open(unused.reveal()).unwrap();
    assert_eq!(keys().find_current(&orphan, &after), Some(answer.clone()));
    assert_eq!(keys().find_current(&token, &after), Some(answer));
}

#[test]
fn a_token_from_after_the_row_continues_where_it_was() {
    let (row, token, _) = begun();
    let ahead = keys().successor(&token, 7, NOW + 50);
    let (after, answer, exchange) = exchange(&row, &ahead, NOW + 60);
    assert_eq!(exchange.expected_current, row.current_hash);
    assert_eq!((after.generation, after.parent_hash), (8, Some(keys().seal(&ahead).hash())));
    assert_eq!(keys().find_current(&ahead, &after), Some(answer));
}

#[test]
fn every_use_puts_off_the_idle_end() {
    let (row, token, presented) = begun();
    let policy = RefreshPolicy { idle_lifetime: 100, ..policy(Recovery::On) };
    let (exchange, _) = Exchange::plan(&keys(), &token, &presented, &row, NOW + 7, &policy);
    assert_eq!((exchange.last_used_at, exchange.idle_expires_at), (NOW + 7, NOW + 107));

    let unlimited = RefreshPolicy { idle_lifetime: 0, ..policy };
    assert_eq!(Exchange::touch(&row, NOW + 7, &unlimited).idle_expires_at, NEVER);
    let touched = apply(&row, &Exchange::touch(&row, NOW + 7, &policy)).unwrap();
    assert_eq!((touched.last_used_at, touched.idle_expires_at), (NOW + 7, NOW + 107));
    assert_eq!((touched.current_hash, touched.parent_hash), (row.current_hash, row.parent_hash));
    assert_eq!((touched.generation, touched.rotated_at, touched.anchor), (row.generation, row.rotated_at, row.anchor));
    assert_eq!(keys().find_current(&token, &touched), Some(keys().seal(&token)));
}

/// The statement that carries out the usual refresh asks the same of a session as [`is_alive`] does, with the ends turned around.
#[test]
fn a_rotation_is_asked_of_living_sessions_only() {
    let (row, token, presented) = begun();
    let row = Session { last_used_at: NOW + 50, ..row };
    for (idle_lifetime, absolute_lifetime) in [(0, 0), (100, 0), (0, 120), (100, 120), (100, 1_000)] {
        let policy = RefreshPolicy { idle_lifetime, absolute_lifetime, ..policy(Recovery::On) };
        for now in [NOW + 50, NOW + 119, NOW + 120, NOW + 149, NOW + 150, NOW + 40_000_000] {
            let (rotation, _) = Rotation::plan(&keys(), &token, &presented, &row.client_id, now, &policy);
            let asked = row.last_used_at > rotation.used_after && row.created_at > rotation.began_after;
            assert_eq!(asked, is_alive(row.life(), now, &policy), "{idle_lifetime}, {absolute_lifetime}, at {now}");
        }
    }
}
