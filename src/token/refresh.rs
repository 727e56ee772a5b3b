//! Refresh tokens as values and as text (`docs/design.md#refresh-tokens`). Pure; what a presented token *means* is [`super::judge`]'s matter.
//!
//! `tkr_` + base64url of `version(1) | key id(1) | session id(16) | generation(8) | issued at(8) | secret(32) | tag(16)`.
//! The tag proves origin, so that a stranger's text costs no database call; the secret of a successor is a function of
//! its predecessor's (the *ratchet*), so that repeating an exchange can only ever yield the same token.

mod format;
mod keys;
mod search;
#[cfg(test)]
mod tests;

use std::fmt;

use zeroize::Zeroizing;

pub use keys::{RefreshKey, RefreshKeys};

use crate::clock::UnixTime;
use crate::domain::SessionId;

/// What every refresh token begins with, for people and secret scanners.
pub const PREFIX: &str = format::PREFIX;

/// The secret part of a token, in bytes.
const SECRET_BYTES: usize = 32;

/// A refresh token that one of the configured keys made, or is about to make. `Debug` shows nothing of the secret.
#[derive(Clone)]
pub struct RefreshToken {
    /// The session that it belongs to.
    pub session_id: SessionId,
    /// Which refresh token of the session it is: 1 for the first, never negative.
    pub generation: i64,
    /// When it was made, never negative.
    pub issued_at: UnixTime,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl RefreshToken {
    /// The first refresh token of a session: generation 1, with `secret` from the random generator.
    pub fn first(session_id: SessionId, now: UnixTime, secret: [u8; SECRET_BYTES]) -> Self {
        Self { session_id, generation: 1, issued_at: now, secret: Zeroizing::new(secret) }
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken")
            .field("session_id", &self.session_id)
            .field("generation", &self.generation)
            .field("issued_at", &self.issued_at)
            .finish_non_exhaustive()
    }
}

/// Why a text isn't a refresh token of ours. For logs and metrics only: the caller hears `invalid_grant` either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It doesn't have the form of a refresh token.
    #[error("not in the form of a refresh token")]
    Malformed,
    /// It has the form, but no configured key made it: forged, altered, or made under a master secret that was retired.
    #[error("no configured key made this refresh token")]
    WrongTag,
}
