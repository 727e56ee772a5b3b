//! When a session ends by itself.

use crate::clock::{UnixTime, expiry};
use crate::domain::{RefreshPolicy, Session};

/// When the session ends unless it is used before. The row's own ends count, and those that `policy` gives from the
/// session's beginning and last use: a lifetime that was lowered holds for sessions that exist, one that was raised
/// holds from their next use.
pub fn effective_expiry(session: &Session, policy: &RefreshPolicy) -> UnixTime {
    let absolute = expiry(session.created_at, policy.absolute_lifetime).min(session.expires_at);
    let idle = expiry(session.last_used_at, policy.idle_lifetime).min(session.idle_expires_at);
    absolute.min(idle)
}

/// Whether the session may still be used: not ended by anybody, and not by time.
pub fn is_alive(session: &Session, now: UnixTime, policy: &RefreshPolicy) -> bool {
    session.revoked.is_none() && now < effective_expiry(session, policy)
}
