//! Why a request is refused, in full. The wire tells the caller only the RFC's code; the log gets all of this.

use std::sync::Arc;

use super::params::InvalidParameters;
use crate::app::{App, Snapshot};
use crate::audit::{Actor, EventKind};
use crate::clock::Seconds;
use crate::domain::{MayNotUse, RequestContext};
use crate::store::StoreError;
use crate::throttle::{Failures, Throttled};
use crate::token::judge::Verdict;

/// The registry, or 503 when its lease has run out.
pub fn snapshot(app: &App) -> Result<Arc<Snapshot>, Refusal> {
    let expired = || Refusal::Unavailable("the registry has not been read for too long".to_owned());
    app.registry.snapshot().ok_or_else(expired)
}

/// The refusal of what failed too often, recorded in the audit trail.
pub async fn throttled(app: &App, what: Failures, refused: Throttled, request_context: &RequestContext) -> Refusal {
    let event = app.acting(Actor::Stranger, request_context).event(EventKind::Throttled).because(what.as_str());
    app.record_failure(event).await;
    Refusal::throttled(app, what, refused)
}

/// A refusal: what the caller learns is decided in `http::error`.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request itself is wrong, RFC 6749 §5.2.
    #[error("{0}")]
    InvalidRequest(#[from] InvalidParameters),
    /// The client didn't show who it is.
    #[error("client authentication failed: {0}")]
    InvalidClient(&'static str),
    /// The credentials or the refresh token are no good.
    #[error("{0}")]
    InvalidGrant(#[from] InvalidGrant),
    /// The client may not do this.
    #[error("{0}")]
    UnauthorizedClient(#[from] MayNotUse),
    /// More scope than may be had.
    #[error("the scope is malformed or more than may be granted")]
    InvalidScope,
    /// A resource that may not be had, RFC 8707 §2.
    #[error("the resource is malformed or not one that may be granted")]
    InvalidTarget,
    /// Too much to do: try again.
    #[error("the password queue is full")]
    Busy {
        /// After so many seconds.
        retry_after: Seconds,
    },
    /// Too many failures: not before so many seconds are over.
    #[error("too many failures: {what}")]
    Throttled {
        /// Whose.
        what: Failures,
        /// When it is worth trying again.
        retry_after: Seconds,
    },
    /// The database can't be reached, or its registry could not be read for too long.
    #[error("{0}")]
    Unavailable(String),
    /// A defect.
    #[error("{0}")]
    Failed(String),
}

/// Everything that is `invalid_grant` to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGrant {
    /// No user of that name.
    #[error("unknown user")]
    UnknownUser,
    /// Not the password.
    #[error("wrong password")]
    WrongPassword,
    /// The user has none, so any is wrong.
    #[error("the user has no password")]
    NoPassword,
    /// The user is disabled.
    #[error("the user is disabled")]
    UserDisabled,
    /// The user or the client changed while the sign-in was under way.
    #[error("the user or the client changed during the sign-in")]
    Overtaken,
    /// Not one of our refresh tokens: malformed, or its tag is wrong.
    #[error("not a refresh token of this server")]
    NotOurs,
    /// A browser without a refresh token of the client.
    #[error("the browser holds no refresh token of the client")]
    NotSignedIn,
    /// Its session isn't there.
    #[error("no such session")]
    NoSession,
    /// Another client's token.
    #[error("the refresh token belongs to another client")]
    OtherClient,
    /// The session was ended, or its time is over.
    #[error("the session has ended")]
    Ended,
    /// The client may have tokens for none of its audiences any more.
    #[error("the client has lost every audience of the session")]
    NoAudience,
    /// The judge's verdict.
    #[error("the verdict on the refresh token is {0:?}")]
    Verdict(Verdict),
    /// A retry whose answer can't be found again.
    #[error("the current refresh token can't be derived from the presented one")]
    Underivable,
}

impl Refusal {
    /// `what` failed too often, which is counted.
    pub fn throttled(app: &App, what: Failures, Throttled { retry_after }: Throttled) -> Self {
        app.metrics.throttled.count(what);
        Self::Throttled { what, retry_after }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::Overloaded
            | StoreError::TimedOut
            | StoreError::Locked
            | StoreError::FileReplaced
            | StoreError::TokensJustRevoked => Self::Unavailable(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}
