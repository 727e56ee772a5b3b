//! Whether a token is alive, by all that is known of it: one decision for every endpoint and for `tokend explain`. Pure: what is
//! known comes as parameters.

#[cfg(test)]
mod tests;

use crate::clock::UnixTime;
use crate::domain::{Client, Grant, RefreshPolicy, SessionLife, UserId};
use crate::oauth::audience;
use crate::token::access::{AccessClaims, InvalidAccessToken};
use crate::token::judge::{Verdict, is_alive};
use crate::token::refresh::InvalidToken;

/// Why a token isn't alive. For operators only: the client learns just that the token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dead {
    /// It isn't an access token of ours, or its time is over.
    #[error("{0}")]
    NoAccessToken(#[from] InvalidAccessToken),
    /// It isn't a refresh token of ours.
    #[error("{0}")]
    NoRefreshToken(#[from] InvalidToken),
    /// The client is disabled or removed.
    #[error("its client was disabled or removed")]
    NoClient,
    /// It has words that only an administrator may have.
    #[error("its scope has words that its client may not have any more")]
    NotEntitled,
    /// A client's own token, which the client couldn't get today.
    #[error("its client may not have this token any more: its grants, its scope or its audiences were changed")]
    LostRight,
    /// A client's own token.
    #[error("it or all tokens of its client were revoked")]
    OwnRevoked,
    /// The session ended long ago, or its user was removed.
    #[error("its session is not there")]
    NoSession,
    /// It names another client or user than its session.
    #[error("its session is another client's or another user's")]
    OtherSession,
    /// Revoked at `/revoke`.
    #[error("it was revoked by itself")]
    TokenRevoked,
    /// Disabled at the command line.
    #[error("its user is disabled")]
    UserDisabled,
    /// Revoked, at any endpoint or at the command line.
    #[error("its session was ended")]
    SessionEnded,
    /// Idle or absolute lifetime.
    #[error("its session has expired")]
    SessionExpired,
    /// The client has lost the grant.
    #[error("its client may not use refresh tokens: it lacks the grant refresh_token")]
    NoGrant,
    /// Exchanging it would end the session.
    #[error("using it would prove that somebody has a copy")]
    Reuse,
    /// Newer than the database.
    #[error("it is ahead of the database, which has lost commits")]
    Ahead,
    /// A retry whose answer can't be found again.
    #[error("it counts as a retry, but no configured master secret derives the newest one from it")]
    Underivable,
}

/// Why a living token is refused at an endpoint of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It lacks the scope.
    Scope,
    /// It is for other servers only.
    Audience,
}

/// What is known of the session that an access token names.
#[derive(Clone, Copy, Debug)]
pub struct SessionFacts<'a> {
    /// The session's client.
    pub client_id: &'a str,
    /// The session's user.
    pub user_id: UserId,
    /// Whether an operator disabled the user.
    pub user_is_disabled: bool,
    /// Whether the token was revoked by itself.
    pub token_revoked: bool,
    /// The session's times.
    pub life: SessionLife,
}

/// The client of an access token, if it is there and may still have the token's scope.
pub fn client_of<'a>(client: Option<&'a Client>, claims: &AccessClaims) -> Result<&'a Client, Dead> {
    let client = client.ok_or(Dead::NoClient)?;
    if *client.entitled(&claims.scope) == claims.scope { Ok(client) } else { Err(Dead::NotEntitled) }
}

/// Whether a token without a session is one that its client could get today.
pub fn may_still_have(client: &Client, claims: &AccessClaims, issuer: &str) -> bool {
    claims.sub == client.id.as_str()
        && client.may_use(Grant::ClientCredentials)
        && claims.scope.is_subset(&client.scope)
        && audience::may_have(client, &claims.aud, issuer)
}

/// Whether an access token lives by its session.
pub fn judge_session(
    claims: &AccessClaims,
    session: &SessionFacts<'_>,
    now: UnixTime,
    policy: &RefreshPolicy,
) -> Result<(), Dead> {
    match () {
        () if session.client_id != claims.client_id.as_str() || !claims.is_about(session.user_id) => {
            Err(Dead::OtherSession)
        }
        () if session.token_revoked => Err(Dead::TokenRevoked),
        () if session.user_is_disabled => Err(Dead::UserDisabled),
        () => judge_life(session.life, now, policy),
    }
}

pub fn judge_life(life: SessionLife, now: UnixTime, policy: &RefreshPolicy) -> Result<(), Dead> {
    match () {
        () if life.is_revoked => Err(Dead::SessionEnded),
        () if !is_alive(life, now, policy) => Err(Dead::SessionExpired),
        () => Ok(()),
    }
}

/// Whether a refresh token of a living session would be exchanged, by the judge's verdict.
pub fn judge_verdict(verdict: Verdict, derivable: impl Fn() -> bool) -> Result<(), Dead> {
    match verdict {
        Verdict::Replay if !derivable() => Err(Dead::Underivable),
        Verdict::Rotate | Verdict::Unrotated | Verdict::Recover | Verdict::Replay => Ok(()),
        Verdict::Reuse => Err(Dead::Reuse),
        Verdict::Ahead => Err(Dead::Ahead),
    }
}

/// Whether a living token is good at an endpoint of ours that asks for `scope`.
///
/// The scope comes first. It is what makes this server one of a token's audiences, so a token that has neither lacks the
/// scope; to call it invalid would send its client for another one, which is the same.
pub fn fit(claims: &AccessClaims, scope: &str, issuer: &str) -> Result<(), Unfit> {
    match () {
        () if !claims.scope.contains(scope) => Err(Unfit::Scope),
        () if !claims.is_for(issuer) => Err(Unfit::Audience),
        () => Ok(()),
    }
}
