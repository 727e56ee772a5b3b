//! The codes of errors: what a program compares.

use crate::words::words;

words! {
    /// The `error` of an answer.
    pub enum ErrorCode {
        /// RFC 6749 §5.2, and here also for what is wrong with HTTP itself.
        InvalidRequest = "invalid_request",
        /// RFC 6749 §5.2.
        InvalidClient = "invalid_client",
        /// RFC 6749 §5.2.
        InvalidGrant = "invalid_grant",
        /// RFC 6749 §5.2.
        UnauthorizedClient = "unauthorized_client",
        /// RFC 6749 §5.2.
        UnsupportedGrantType = "unsupported_grant_type",
        /// RFC 6749 §5.2.
        InvalidScope = "invalid_scope",
        /// RFC 8707 §2.
        InvalidTarget = "invalid_target",
        /// RFC 6750 §3.1.
        InvalidToken = "invalid_token",
        /// RFC 6750 §3.1.
        InsufficientScope = "insufficient_scope",
        /// RFC 6749 §4.1.2.1, with status 500.
        ServerError = "server_error",
        /// RFC 6749 §4.1.2.1, with status 429 or 503.
        TemporarilyUnavailable = "temporarily_unavailable",
    }
}
