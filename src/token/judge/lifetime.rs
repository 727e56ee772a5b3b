//! When a session ends by itself.

use crate::clock::{UnixTime, expiry};
use crate::domain::{RefreshPolicy, SessionLife};

/// When the session ends unless it is used before. The row's own ends count, and those that `policy` gives from the
/// session's beginning and last use: a lifetime that was lowered holds for sessions that exist, one that was raised
/// holds from their next use.
pub fn effective_expiry(session: SessionLife, policy: &RefreshPolicy) -> UnixTime {
    let idle = expiry(session.last_used_at, policy.idle_lifetime).min(session.idle_expires_at);
    absolute_expiry(session, policy).min(idle)
}

/// When the session ends unless it is used again after a use at `now`.
pub fn expiry_after_use(session: SessionLife, now: UnixTime, policy: &RefreshPolicy) -> UnixTime {
    absolute_expiry(session, policy).min(expiry(now, policy.idle_lifetime))
}

fn absolute_expiry(session: SessionLife, policy: &RefreshPolicy) -> UnixTime {
    expiry(session.created_at, policy.absolute_lifetime).min(session.expires_at)
}

/// Whether the session may still be used: it is neither revoked nor expired.
pub fn is_alive(session: SessionLife, now: UnixTime, policy: &RefreshPolicy) -> bool {
    !session.is_revoked && now < effective_expiry(session, policy)
}
