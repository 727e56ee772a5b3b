//! What an exchange writes: plain values for the store's one compare-and-swap, so that the store decides nothing.

use super::Presented;
use crate::clock::{Seconds, UnixTime, expiry};
use crate::domain::{Anchor, ClientId, Exchange, PlainSecret, RefreshPolicy, Rotation, Session};
use crate::token::refresh::{RefreshKeys, RefreshToken};

impl Exchange {
    /// The exchange of `token`, and the token that the client gets for it. The same for a Rotate, a Recover, and an
    /// Ahead that the operator lets through: the presented token becomes the parent, its successor current.
    pub fn plan(
        keys: &RefreshKeys,
        token: &RefreshToken,
        presented: &Presented,
        session: &Session,
        now: UnixTime,
        policy: &RefreshPolicy,
    ) -> (Self, PlainSecret) {
        let generation = session.generation.max(presented.generation).saturating_add(1);
        let answer = keys.seal(&keys.successor(token, generation, now));
        let old_enough = session.rotated_at <= now.saturating_sub(policy.reuse_window);
        let anchor = Anchor { generation: presented.generation, at: now };
        let exchange = Self {
            expected_current: session.current_hash,
            parent_hash: Some(presented.hash),
            current_hash: answer.hash(),
            generation,
            rotated_at: now,
            anchor: if old_enough { Some(anchor) } else { session.anchor },
            last_used_at: now,
            idle_expires_at: expiry(now, policy.idle_lifetime),
        };
        (exchange, answer)
    }

    /// No exchange, but use: what is written when the current token was presented and rotation is off. Without it a
    /// session that is used every day would end as idle.
    pub fn touch(session: &Session, now: UnixTime, policy: &RefreshPolicy) -> Self {
        Self {
            expected_current: session.current_hash,
            parent_hash: session.parent_hash,
            current_hash: session.current_hash,
            generation: session.generation,
            rotated_at: session.rotated_at,
            anchor: session.anchor,
            last_used_at: now,
            idle_expires_at: expiry(now, policy.idle_lifetime),
        }
    }
}

impl Rotation {
    /// What the verdict Rotate comes to, before it is known that this is the verdict: the exchange of `token` if it is the
    /// current one of a session of `client` that is alive by `policy`, and the token that the client then gets.
    pub fn plan(
        keys: &RefreshKeys,
        token: &RefreshToken,
        presented: &Presented,
        client: &ClientId,
        now: UnixTime,
        policy: &RefreshPolicy,
    ) -> (Self, PlainSecret) {
        let successor = keys.seal(&keys.successor(token, presented.generation.saturating_add(1), now));
        let rotation = Self {
            session_id: token.session_id,
            presented: presented.hash,
            successor: successor.hash(),
            client_id: client.clone(),
            now,
            window_began_at: now.saturating_sub(policy.reuse_window),
            idle_expires_at: expiry(now, policy.idle_lifetime),
            used_after: begin(now, policy.idle_lifetime),
            began_after: begin(now, policy.absolute_lifetime),
        };
        (rotation, successor)
    }
}

/// What ends after `lifetime` is alive at `now` if it began after this. See [`expiry`].
fn begin(now: UnixTime, lifetime: Seconds) -> UnixTime {
    if lifetime == 0 { UnixTime::MIN } else { now.saturating_sub(lifetime) }
}

/// The row as the store leaves it; `None` if the compare-and-swap finds another current token.
pub fn apply(session: &Session, exchange: &Exchange) -> Option<Session> {
    (session.current_hash == exchange.expected_current).then(|| Session {
        parent_hash: exchange.parent_hash,
        current_hash: exchange.current_hash,
        generation: exchange.generation,
        rotated_at: exchange.rotated_at,
        anchor: exchange.anchor,
        last_used_at: exchange.last_used_at,
        idle_expires_at: exchange.idle_expires_at,
        ..session.clone()
    })
}
