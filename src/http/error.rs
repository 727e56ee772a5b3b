//! The one error of the wire: a code of the RFCs, a fixed description, and a cause that only the log shows.

mod code;
mod refused;

use std::borrow::Cow;
use std::fmt;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

pub use code::ErrorCode;

use crate::clock::Seconds;
use crate::domain::Scope;

/// Why a request was refused, for the log: the code of the answer and the real reason. An extension of the response.
#[derive(Clone, Debug)]
pub struct Cause {
    code: ErrorCode,
    reason: Cow<'static, str>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

/// An error answer. Descriptions are our own texts in the character set of RFC 6749 §5.2, with nothing of the request in them.
#[derive(Debug)]
pub struct OAuthError {
    status: StatusCode,
    code: ErrorCode,
    description: Cow<'static, str>,
    challenge: Option<HeaderValue>,
    retry_after: Option<Seconds>,
    cause: Option<Box<str>>,
}

impl OAuthError {
    fn new(status: StatusCode, code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, description: description.into(), challenge: None, retry_after: None, cause: None }
    }

    fn challenging(self, challenge: &'static str) -> Self {
        Self { challenge: Some(HeaderValue::from_static(challenge)), ..self }
    }

    fn worth_retrying(self, after: Seconds) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// 400 `invalid_request`, RFC 6749 §5.2.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, description)
    }

    /// 401 `invalid_client` with the challenge that RFC 6749 §5.2 asks for where Basic was tried, and RFC 9110 §15.5.2 always.
    pub fn invalid_client() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::InvalidClient, "Client authentication failed.")
            .challenging("Basic realm=\"tokend\", charset=\"UTF-8\"")
    }

    /// 401 `invalid_token`, RFC 6750 §3.1.
    pub fn invalid_token() -> Self {
        let description = "The access token is expired, revoked or invalid.";
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::InvalidToken, description)
            .challenging("Bearer realm=\"tokend\", error=\"invalid_token\"")
    }

    /// 401 without an error in the challenge, RFC 6750 §3.1: the request brought no credentials at all.
    pub fn missing_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::InvalidToken, "The request has no access token.")
            .challenging("Bearer realm=\"tokend\"")
    }

    /// 403 `insufficient_scope`, RFC 6750 §3.1. `challenge` names the scope that is needed.
    pub fn insufficient_scope(challenge: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InsufficientScope, "The access token lacks the scope.")
            .challenging(challenge)
    }

    /// 403 `insufficient_scope` for a scope that the request named. No word of a scope needs an escape in a quoted string.
    pub fn lacks_scope(scope: &Scope) -> Self {
        let challenge = format!(r#"Bearer realm="tokend", error="insufficient_scope", scope="{scope}""#);
        Self { challenge: HeaderValue::try_from(challenge).ok(), ..Self::insufficient_scope("") }
    }

    /// 403 `insufficient_scope` for a token of another audience. The token is valid, and after `invalid_token` its client would
    /// fetch another one with the same audience.
    pub fn other_audience() -> Self {
        let description = "The access token is for another audience.";
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InsufficientScope, description)
            .challenging("Bearer realm=\"tokend\", error=\"insufficient_scope\"")
    }

    /// 400 `invalid_request` with the challenge of RFC 6750 §3.1: the token came in a way that isn't allowed.
    pub fn invalid_bearer_request(description: &'static str) -> Self {
        Self::invalid_request(description).challenging("Bearer realm=\"tokend\", error=\"invalid_request\"")
    }

    /// 403 `unauthorized_client`: the client is authenticated, and may not use this endpoint.
    pub fn not_permitted(description: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::UnauthorizedClient, description)
    }

    /// 400 `unsupported_grant_type`, RFC 6749 §5.2.
    pub fn unsupported_grant_type() -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::UnsupportedGrantType, "This grant type is not supported.")
    }

    /// 403 `invalid_request`: a request from a browser page that isn't one of the app's own.
    pub fn foreign_origin() -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InvalidRequest, "The origin of the request is not allowed.")
    }

    /// 403 `invalid_request`: cookie mode on a page of another site.
    pub fn cross_site_cookie() -> Self {
        let description = "Cookie mode needs the page and this server to be of one site: the browser drops the cookie.";
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InvalidRequest, description)
    }

    /// 403 `invalid_request`: an administrator's request that comes from a page.
    pub fn not_for_pages() -> Self {
        let description = "Pages may revoke tokens only: this form is for administrators.";
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InvalidRequest, description)
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::InvalidRequest, "There is no such endpoint.")
    }

    /// 405; the router adds `Allow`.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidRequest, "This endpoint does not take this method.")
    }

    pub fn body_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::InvalidRequest, "The request did not arrive in time.")
    }

    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::InvalidRequest, "The request is too large.")
    }

    /// 500 `server_error`: a defect.
    pub fn server_error(cause: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::ServerError, "The server has failed.").because(cause)
    }

    /// 503 `temporarily_unavailable` with `Retry-After` in seconds.
    pub fn unavailable(retry_after: Seconds, cause: String) -> Self {
        let description = "The server is unavailable for the moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TemporarilyUnavailable, description)
            .worth_retrying(retry_after)
            .because(cause)
    }

    /// 429 with `Retry-After` in seconds, RFC 6585 §4.
    pub fn throttled(retry_after: Seconds, cause: String) -> Self {
        let description = "There were too many failed requests. Try again later.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TemporarilyUnavailable, description)
            .worth_retrying(retry_after)
            .because(cause)
    }

    /// The same error with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same error with what the log says of it.
    #[must_use]
    pub fn because(self, cause: String) -> Self {
        Self { cause: Some(cause.into_boxed_str()), ..self }
    }

    /// On the first-party endpoints a refused grant means that the user has to sign in again: 401 (`docs/api.md`).
    #[must_use]
    pub fn first_party(self) -> Self {
        if self.code == ErrorCode::InvalidGrant { self.with_status(StatusCode::UNAUTHORIZED) } else { self }
    }
}

/// As JSON, RFC 6749 §5.2. The cause is for the log.
impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = format!(r#"{{"error":"{}","error_description":"{}"}}"#, self.code, self.description);
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        let reason = self.cause.map_or(self.description, |cause| Cow::Owned(cause.into_string()));
        response.extensions_mut().insert(Cause { code: self.code, reason });
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Grant, MayNotUse};
    use crate::http::server::Rejection;
    use crate::oauth::{InvalidGrant, Refusal};

    #[test]
    fn descriptions_stay_within_the_characters_of_rfc6749_5_2() {
        let errors = [
            OAuthError::invalid_client(),
            OAuthError::invalid_token(),
            OAuthError::missing_token(),
            OAuthError::other_audience(),
            OAuthError::foreign_origin(),
            OAuthError::cross_site_cookie(),
            OAuthError::not_for_pages(),
            OAuthError::not_found(),
            OAuthError::method_not_allowed(),
            OAuthError::body_timeout(),
            OAuthError::too_large(),
            OAuthError::unsupported_grant_type(),
            OAuthError::server_error(String::new()),
            OAuthError::unavailable(1, String::new()),
            OAuthError::throttled(1, String::new()),
            Rejection::HeadTooLarge.into(),
            Rejection::Unreadable(StatusCode::BAD_REQUEST).into(),
            Rejection::Full.into(),
            Refusal::InvalidScope.into(),
            Refusal::InvalidTarget.into(),
            Refusal::InvalidGrant(InvalidGrant::NotOurs).into(),
            Refusal::UnauthorizedClient(MayNotUse::Unregistered(Grant::Password)).into(),
        ];
        for error in errors {
            let allowed = |b: u8| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(error.description.bytes().all(allowed), "{}", error.description);
            assert!(error.code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", error.code);
        }
    }
}
