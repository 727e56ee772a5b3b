//! The error answers for requests that a grant refuses, or that the server doesn't let through.

use axum::http::StatusCode;

use super::super::server::Rejection;
use super::{ErrorCode, OAuthError};
use crate::oauth::Refusal;
use crate::oauth::params::InvalidParameters;

impl From<InvalidParameters> for OAuthError {
    fn from(InvalidParameters(description): InvalidParameters) -> Self {
        Self::invalid_request(description)
    }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> Self {
        let cause = refusal.to_string();
        let bad = |code, description| Self::new(StatusCode::BAD_REQUEST, code, description);
        match refusal {
            Refusal::InvalidRequest(invalid) => return invalid.into(),
            Refusal::InvalidClient(_) => Self::invalid_client(),
            Refusal::InvalidGrant(_) => {
                bad(ErrorCode::InvalidGrant, "The credentials or the refresh token are not valid.")
            }
            Refusal::UnauthorizedClient(_) => bad(ErrorCode::UnauthorizedClient, "The client may not use this grant."),
            Refusal::InvalidScope => {
                bad(ErrorCode::InvalidScope, "The scope is malformed or exceeds what may be granted.")
            }
            Refusal::InvalidTarget => bad(ErrorCode::InvalidTarget, "The resource is malformed or may not be granted."),
            Refusal::Throttled { retry_after, .. } => return Self::throttled(retry_after, cause),
            Refusal::Busy { retry_after } => return Self::unavailable(retry_after, cause),
            Refusal::Unavailable(_) => return Self::unavailable(1, cause),
            Refusal::Failed(_) => return Self::server_error(cause),
        }
        .because(cause)
    }
}

impl From<Rejection> for OAuthError {
    fn from(rejection: Rejection) -> Self {
        let head = |status, description| Self::new(status, ErrorCode::InvalidRequest, description);
        match rejection {
            Rejection::HeadTooLarge => {
                head(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The header fields of the request are too large.")
            }
            Rejection::Malformed(fault) => Self::invalid_request(fault.as_str()),
            Rejection::Unreadable(status) => head(status, "The head of the request can't be read."),
            Rejection::Full => Self {
                description: "Too many requests are running. Try again shortly.".into(),
                ..Self::unavailable(1, "as many requests are running as http.max_connections allows".to_owned())
            },
        }
    }
}
