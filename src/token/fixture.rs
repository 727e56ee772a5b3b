//! What the tests of this module judge and search: one session, as it is when it begins.

use uuid::Uuid;

use super::refresh::{RefreshKey, RefreshKeys, RefreshToken};
use crate::clock::{NEVER, UnixTime};
use crate::domain::{Device, Recovery, RefreshPolicy, Scope, SecretHash, Session, SessionId, UserId};

pub(super) const SESSION: SessionId = SessionId(Uuid::from_u128(0x0198_f3a0_c000_7abc_8def_0123_4567_89ab));

/// A key that is like no other whose `seed` is at least 2 away.
pub(super) fn key(key_id: u8, seed: u8) -> RefreshKey {
    RefreshKey::new(key_id, &[seed; 32], &[seed + 1; 32])
}

pub(super) fn keys() -> RefreshKeys {
    RefreshKeys::new(key(1, 10), Vec::new())
}

pub(super) fn first_token(now: UnixTime) -> RefreshToken {
    RefreshToken::first(SESSION, now, [3; 32])
}

/// Ten seconds of window, no limits on a session's life.
pub(super) fn policy(recovery: Recovery) -> RefreshPolicy {
    RefreshPolicy { rotation: true, reuse_window: 10, recovery, idle_lifetime: 0, absolute_lifetime: 0 }
}

/// A session that began `now` with the token whose hash is `current_hash`.
pub(super) fn session(now: UnixTime, current_hash: SecretHash) -> Session {
    Session {
        id: SESSION,
        user_id: UserId(Uuid::from_u128(1)),
        client_id: "app".parse().unwrap(),
        scope: Scope::default(),
        audience: Vec::new(),
        generation: 1,
        current_hash,
        parent_hash: None,
        rotated_at: now,
        anchor: None,
        grant_type: "password".to_owned(),
        amr: vec!["pwd".to_owned()],
        created_at: now,
        auth_time: now,
        last_used_at: now,
        idle_expires_at: NEVER,
        expires_at: NEVER,
        revoked: None,
        device: Device::default(),
    }
}
