//! What follows from a verdict, and what a client is told of a session that it can't refresh.

use super::*;
use crate::domain::Recovery;
use crate::token::refresh::InvalidToken;

const NOW: UnixTime = 1_800_000_000;

fn policy(rotation: bool) -> RefreshPolicy {
    RefreshPolicy { rotation, reuse_window: 10, recovery: Recovery::On, idle_lifetime: 10_000, absolute_lifetime: 0 }
}

#[test]
fn an_exchange_puts_the_end_of_a_session_off_and_a_replay_does_not() {
    for verdict in [Verdict::Rotate, Verdict::Recover, Verdict::Ahead] {
        assert!(is_stored_as_used(NOW, verdict, NOW, &policy(true)), "{verdict:?}");
    }
    assert!(!is_stored_as_used(NOW - 9_999, Verdict::Replay, NOW, &policy(true)));
}

#[test]
fn without_rotation_use_is_stored_once_in_a_hundredth_of_the_idle_lifetime() {
    for verdict in [Verdict::Unrotated, Verdict::Replay] {
        assert!(!is_stored_as_used(NOW - 100, verdict, NOW, &policy(false)), "{verdict:?}");
        assert!(is_stored_as_used(NOW - 101, verdict, NOW, &policy(false)), "{verdict:?}");
    }
}

#[test]
fn another_clients_session_and_an_ended_one_are_told_apart_in_the_log_only() {
    for (dead, reason) in [
        (Dead::NoClient, InvalidGrant::OtherClient),
        (Dead::NoGrant, InvalidGrant::OtherClient),
        (Dead::UserDisabled, InvalidGrant::UserDisabled),
        (Dead::SessionEnded, InvalidGrant::Ended),
        (Dead::SessionExpired, InvalidGrant::Ended),
        (Dead::NoRefreshToken(InvalidToken::Malformed), InvalidGrant::Ended),
    ] {
        assert_eq!(invalid_grant(dead), reason, "{dead:?}");
    }
}

#[test]
fn a_client_reads_the_verdict_that_it_can_act_on() {
    let names = [Verdict::Rotate, Verdict::Ahead, Verdict::Replay, Verdict::Recover, Verdict::Unrotated].map(name);
    assert_eq!(names, ["rotate", "rotate", "replay", "recover", "unrotated"]);
}
