//! Sessions: one sign-in of one user on one client. A session *is* its refresh-token family.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;

use super::spelling::unquoted;
use super::{ClientId, Scope, SecretHash, UserId};
use crate::clock::UnixTime;
use crate::words::words;

/// A session's identifier, `sid` in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct SessionId(pub Uuid);

/// A text that is no session's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no id of a session; `tokend session list` shows them")]
pub struct InvalidSessionId;

impl SessionId {
    /// A fresh identifier whose order follows `now`, so that new rows are neighbours in the index (RFC 9562 §5.7).
    pub fn generate(now: UnixTime) -> Self {
        let seconds = u64::try_from(now).unwrap_or(0);
        let millis = seconds.saturating_mul(1000);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &crate::random::bytes::<10>()).into_uuid())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    /// Quotes and white space around it were copied along.
    fn from_str(text: &str) -> Result<Self, InvalidSessionId> {
        Uuid::from_str(unquoted(text)).map(Self).map_err(|_| InvalidSessionId)
    }
}

/// One row: the session, and its newest refresh token.
#[derive(Clone, Debug)]
pub struct Session {
    /// The identifier.
    pub id: SessionId,
    /// Who signed in.
    pub user_id: UserId,
    /// On which client.
    pub client_id: ClientId,
    /// What the sign-in was granted; an access token may have less.
    pub scope: Scope,
    /// The resource servers that its access tokens may be for.
    pub audience: Vec<String>,
    /// How many refresh tokens the session has had.
    pub generation: i64,
    /// The hash of the newest refresh token.
    pub current_hash: SecretHash,
    /// The hash of the token that was exchanged for the current one.
    pub parent_hash: Option<SecretHash>,
    /// When the current token was made.
    pub rotated_at: UnixTime,
    /// The last token that was already a window old when it was exchanged.
    pub anchor: Option<Anchor>,
    /// The grant that it began with, as `grant_type` is written: another version may know more of them.
    pub grant_type: String,
    /// How the user was authenticated, RFC 8176.
    pub amr: Vec<String>,
    /// When the session began.
    pub created_at: UnixTime,
    /// When the user last proved who they are.
    pub auth_time: UnixTime,
    /// When a refresh token was last exchanged.
    pub last_used_at: UnixTime,
    /// When it ends if it isn't used.
    pub idle_expires_at: UnixTime,
    /// When it ends however much it is used.
    pub expires_at: UnixTime,
    /// When and why it was ended, if it was.
    pub revoked: Option<Revocation>,
    /// Where the sign-in came from.
    pub device: Device,
}

/// All that a session's life depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLife {
    /// [`Session::created_at`].
    pub created_at: UnixTime,
    /// [`Session::last_used_at`].
    pub last_used_at: UnixTime,
    /// [`Session::idle_expires_at`].
    pub idle_expires_at: UnixTime,
    /// [`Session::expires_at`].
    pub expires_at: UnixTime,
    /// Whether it was ended.
    pub is_revoked: bool,
}

impl Session {
    /// What its life depends on.
    pub fn life(&self) -> SessionLife {
        SessionLife {
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            idle_expires_at: self.idle_expires_at,
            expires_at: self.expires_at,
            is_revoked: self.revoked.is_some(),
        }
    }
}

/// An exchanged ancestor whose age is known for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Which refresh token of the session it was.
    pub generation: i64,
    /// When it was exchanged.
    pub at: UnixTime,
}

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: UnixTime,
    /// Why.
    pub reason: RevokedReason,
}

words! {
    /// Why a session was ended.
    pub enum RevokedReason {
        /// The user signed out.
        Logout = "logout",
        /// The owning client revoked it (RFC 7009).
        Client = "client",
        /// An administrator revoked it.
        Admin = "admin",
        /// A refresh token came back long after it had been exchanged: theft or a clone.
        Reuse = "reuse",
        /// The user was disabled.
        UserDisabled = "user_disabled",
        /// The user's password was changed.
        PasswordChanged = "password_changed",
        /// The client was disabled, or lost the grant or a scope that the session rests on.
        ClientChanged = "client_changed",
        /// A reason that a newer version of this program stored.
        Other = "other",
    }
}

impl RevokedReason {
    /// The reason that a stored word stands for.
    pub fn from_stored(text: &str) -> Self {
        Self::from_word(text).unwrap_or(Self::Other)
    }
}

/// The new values of a session's row, to be written only while `current_hash` is still `expected_current`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What `current_hash` has to be for this to be written.
    pub expected_current: SecretHash,
    /// The presented token's hash.
    pub parent_hash: Option<SecretHash>,
    /// The new token's hash.
    pub current_hash: SecretHash,
    /// The new token's generation.
    pub generation: i64,
    /// When the new token was made.
    pub rotated_at: UnixTime,
    /// The last token that was already a window old when it was exchanged.
    pub anchor: Option<Anchor>,
    /// When the session was last used.
    pub last_used_at: UnixTime,
    /// When the session ends if it isn't used again.
    pub idle_expires_at: UnixTime,
}

/// The exchange of a token as one conditional statement: what is written if the token is current, and all that has to hold of
/// the session for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Which session.
    pub session_id: SessionId,
    /// The presented token's hash: what `current_hash` has to be, and what `parent_hash` becomes.
    pub presented: SecretHash,
    /// The new token's hash.
    pub successor: SecretHash,
    /// Whose session it has to be.
    pub client_id: ClientId,
    /// When it is exchanged.
    pub now: UnixTime,
    /// A token that was made by then is the session's anchor from now on.
    pub window_began_at: UnixTime,
    /// When the session ends if it isn't used again.
    pub idle_expires_at: UnixTime,
    /// The session has to have been used after this.
    pub used_after: UnixTime,
    /// The session has to have begun after this.
    pub began_after: UnixTime,
}

/// Where a sign-in came from, for the user to recognise it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// What the app calls the device.
    pub name: Option<String>,
    /// The `User-Agent` of the sign-in.
    pub user_agent: Option<String>,
    /// The address of the sign-in.
    pub ip: Option<String>,
}
