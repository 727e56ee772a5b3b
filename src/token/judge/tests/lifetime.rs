//! A session ends by idleness, by age or by somebody's hand, whichever is first.

use super::super::{effective_expiry, expiry_after_use, is_alive};
use crate::clock::{NEVER, Seconds};
use crate::domain::{Recovery, RefreshPolicy, Revocation, RevokedReason, SecretHash, Session};
use crate::token::fixture::{policy, session};

const BEGAN: i64 = 1_000_000;

/// Last used 50 seconds after it began, under lifetimes of 100 seconds idle and 1,000 at all.
fn used() -> Session {
    let last_used_at = BEGAN + 50;
    let row = session(BEGAN, SecretHash::of(b"current"));
    Session { last_used_at, idle_expires_at: last_used_at + 100, expires_at: BEGAN + 1_000, ..row }
}

fn limits(idle_lifetime: Seconds, absolute_lifetime: Seconds) -> RefreshPolicy {
    RefreshPolicy { idle_lifetime, absolute_lifetime, ..policy(Recovery::On) }
}

#[test]
fn ends_in_the_second_in_which_a_limit_is_reached() {
    let policy = limits(100, 1_000);
    assert!(is_alive(used().life(), BEGAN + 149, &policy));
    assert!(!is_alive(used().life(), BEGAN + 150, &policy));

    let busy = Session { last_used_at: BEGAN + 990, idle_expires_at: BEGAN + 1_090, ..used() };
    assert!(is_alive(busy.life(), BEGAN + 999, &policy));
    assert!(!is_alive(busy.life(), BEGAN + 1_000, &policy), "however much it is used");
}

#[test]
fn a_use_puts_off_the_idle_end_and_never_the_last_one() {
    let policy = limits(100, 1_000);
    assert_eq!(expiry_after_use(used().life(), BEGAN + 120, &policy), BEGAN + 220);
    assert_eq!(expiry_after_use(used().life(), BEGAN + 120, &limits(200, 1_000)), BEGAN + 320, "raised since");
    assert_eq!(expiry_after_use(used().life(), BEGAN + 960, &policy), BEGAN + 1_000);
    assert_eq!(expiry_after_use(used().life(), BEGAN + 960, &limits(0, 5_000)), BEGAN + 1_000, "as it was signed in");
}

#[test]
fn a_lowered_lifetime_holds_for_sessions_that_exist() {
    assert_eq!(effective_expiry(used().life(), &limits(10, 1_000)), BEGAN + 60);
    assert_eq!(effective_expiry(used().life(), &limits(100, 120)), BEGAN + 120);
    assert!(!is_alive(used().life(), BEGAN + 60, &limits(10, 1_000)));
}

#[test]
fn a_raised_lifetime_does_not_wake_the_dead() {
    for policy in [limits(5_000, 5_000), limits(0, 0)] {
        assert_eq!(effective_expiry(used().life(), &policy), BEGAN + 150);
    }
}

#[test]
fn zero_is_no_limit() {
    let unlimited = Session { idle_expires_at: NEVER, expires_at: NEVER, ..used() };
    assert_eq!(effective_expiry(unlimited.life(), &limits(0, 0)), NEVER);
    assert!(is_alive(unlimited.life(), NEVER - 1, &limits(0, 0)));
}

#[test]
fn a_revoked_session_is_dead_at_once() {
    let revoked = Some(Revocation { at: BEGAN + 60, reason: RevokedReason::Logout });
    assert!(!is_alive(Session { revoked, ..used() }.life(), BEGAN + 59, &limits(0, 0)));
}
