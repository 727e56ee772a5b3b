//! Whatever is done to a chain shows; whatever fails over and over is told with its number.

use std::net::IpAddr;

use uuid::Uuid;

use super::*;
use crate::clock::UnixTime;
use crate::domain::{RequestContext, SessionId, UserId};

const NOW: UnixTime = 1_800_000_000;

fn keys() -> AuditKeys {
    AuditKeys::new([&[7; 32]])
}

fn event(kind: EventKind) -> AuditEvent {
    let request_context = RequestContext {
        request_id: "request".into(),
        address: IpAddr::from([192, 0, 2, 1]),
        peer: IpAddr::from([192, 0, 2, 2]),
        user_agent: Some("curl".into()),
        route: "/login",
    };
    AuditContext { actor: Actor::Stranger, at: NOW, request_context: Some(request_context) }.event(kind)
}

/// The same event, changed in each thing that it says.
fn altered() -> Vec<AuditEvent> {
    let event = event(EventKind::SignedIn);
    vec![
        AuditEvent { at: NOW + 1, ..event.clone() },
        AuditEvent { kind: "sign_out".into(), ..event.clone() },
        AuditEvent { count: 2, ..event.clone() },
        AuditEvent { reason: Some(String::new()), ..event.clone() },
        AuditEvent { actor: "server".to_owned(), ..event.clone() },
        event.clone().user(UserId(Uuid::nil())),
        AuditEvent { client_id: Some("app".to_owned()), ..event.clone() },
        event.clone().session(SessionId(Uuid::nil())),
        AuditEvent { jti: Some(Uuid::nil()), ..event.clone() },
        event.clone().of("x".to_owned()),
        AuditEvent { address: None, ..event.clone() },
        AuditEvent { user_agent: Some("curlrequest".to_owned()), request_id: Some(String::new()), ..event.clone() },
        AuditEvent { request_id: None, ..event },
    ]
}

#[test]
fn a_seal_fits_its_event_in_its_place_and_no_other() {
    let (keys, start) = (keys(), Link::new(Uuid::from_u128(1)));
    let first = keys.extend(start, &event(EventKind::SignedIn));
    assert_eq!(first.seq, 1);
    assert!(keys.is_next(start, &event(EventKind::SignedIn), &first.seal));
    for other in altered() {
        assert!(!keys.is_next(start, &other, &first.seal), "{other:?}");
    }
    let second = keys.extend(first, &event(EventKind::SignedIn));
    assert!(!keys.is_next(start, &event(EventKind::SignedIn), &second.seal), "one before it was left out");
    let elsewhere = Link::new(Uuid::from_u128(2));
    assert!(!keys.is_next(elsewhere, &event(EventKind::SignedIn), &first.seal), "another chain");
    let stranger = AuditKeys::new([&[8; 32]]);
    assert!(!stranger.is_next(start, &event(EventKind::SignedIn), &first.seal), "another key");
    let rotated = AuditKeys::new([&[8; 32], &[7; 32]]);
    assert!(rotated.is_next(start, &event(EventKind::SignedIn), &first.seal), "a key that is being retired");
}

#[test]
fn the_ends_of_a_chain_are_sealed_each_as_what_it_is() {
    let (keys, link) = (keys(), keys().extend(Link::new(Uuid::from_u128(1)), &event(EventKind::SignedIn)));
    assert!(keys.is_head(link, &keys.head(link)) && keys.is_start(link, &keys.start(link)));
    assert!(!keys.is_head(link, &keys.start(link)) && !keys.is_start(link, &keys.head(link)));
    assert!(!keys.is_head(link, &link.seal), "the seal of an event says nothing of the end");
    assert!(!keys.is_head(Link { seq: 2, ..link }, &keys.head(link)));
    assert!(!AuditKeys::new([]).is_head(link, &[0; 32]), "without a key nothing is true");
}

#[test]
fn the_register_knows_all_chains_in_any_order() {
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let folded = |writers: &[Uuid]| {
        let mut all = [0; 32];
        for writer in writers {
            fold_in(&mut all, *writer);
        }
        all
    };
    assert_eq!(folded(&[one, two]), folded(&[two, one]));
    assert_ne!(folded(&[one, two]), folded(&[one]));
    assert_eq!(folded(&[one, two, one]), folded(&[two]));
    let keys = keys();
    let seal = keys.register(&folded(&[one, two]));
    assert!(keys.is_register(&folded(&[two, one]), &seal) && !keys.is_register(&folded(&[one]), &seal));
}

fn failure(target: &str, at: UnixTime) -> AuditEvent {
    AuditEvent { at, ..event(EventKind::SignInFailed).because("wrong password").of(target.to_owned()) }
}

#[test]
fn the_first_failure_is_told_at_once_and_the_rest_as_one() {
    let repeats = Repeats::default();
    assert_eq!(repeats.note(failure("alice", NOW)), Some(failure("alice", NOW)));
    for second in 1..=50 {
        assert_eq!(repeats.note(failure("alice", NOW + second)), None);
    }
    assert_eq!(repeats.note(failure("bob", NOW + 50)), Some(failure("bob", NOW + 50)), "another failure");
    assert_eq!(repeats.due(NOW + 59, false), []);
    let told = repeats.due(NOW + 60, false);
    assert_eq!(told, [AuditEvent { count: 50, ..failure("alice", NOW + 1) }]);
    assert_eq!(repeats.due(NOW + 200, false), [], "what happened once was told");
    assert!(repeats.note(failure("alice", NOW + 200)).is_some(), "it begins anew");
}

#[test]
fn nothing_stays_untold_when_the_server_stops_or_the_clock_is_set_back() {
    let repeats = Repeats::default();
    for _ in 0..3 {
        repeats.note(failure("alice", NOW));
    }
    assert_eq!(repeats.due(NOW - 3_600, false).len(), 1);
    for _ in 0..3 {
        repeats.note(failure("alice", NOW));
    }
    assert_eq!(repeats.due(NOW, true).iter().map(|event| event.count).collect::<Vec<_>>(), [2]);
}

/// Somebody who makes up names and addresses fills neither memory nor disk.
#[test]
fn failures_without_end_are_told_as_many() {
    let repeats = Repeats::default();
    let told = (0..100_000).filter_map(|n| repeats.note(failure(&format!("name{n}"), NOW))).count();
    assert_eq!(told, 501);
    let due = repeats.due(NOW + 60, false);
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].count, due[0].target.as_deref(), due[0].address.as_deref()), (99_499, Some("(many)"), None));
}

#[test]
fn every_kind_is_listed_once() {
    for (place, kind) in EventKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, place, "{kind:?}");
    }
    // A kind that is added belongs before the last one.
    assert_eq!(EventKind::ALL.len(), EventKind::AuditRewound as usize + 1);
}
