//! Every value that a label can have.

use tracing::Level;

use crate::throttle::Failures;
use crate::token::judge::Verdict;

/// One of a closed set.
pub trait Label: Copy + PartialEq + 'static {
    /// The whole set.
    const ALL: &'static [Self];

    fn name(self) -> &'static str;

    /// Where in [`Self::ALL`] it is.
    fn index(self) -> usize {
        Self::ALL.iter().position(|value| *value == self).unwrap_or(Self::ALL.len())
    }
}

/// The set of a label from one table of its values and their names.
macro_rules! label {
    ($label:ty: $($value:ident = $name:literal),+ $(,)?) => {
        impl Label for $label {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }
        }
    };
}

/// The class of a status. 429 and 503, which operators watch, are classes of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Redirection,
    ClientError,
    TooManyRequests,
    ServerError,
    Unavailable,
}

impl From<u16> for Status {
    fn from(status: u16) -> Self {
        match status {
            429 => Self::TooManyRequests,
            503 => Self::Unavailable,
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

label!(
    Status:
    Success = "2xx",
    Redirection = "3xx",
    ClientError = "4xx",
    TooManyRequests = "429",
    ServerError = "5xx",
    Unavailable = "503",
);

label!(
    Verdict:
    Rotate = "rotate",
    Unrotated = "unrotated",
    Replay = "replay",
    Recover = "recover",
    Reuse = "reuse",
    Ahead = "ahead",
);

/// How a sign-in with a password ended. One that failed because of the database or a malformed request is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    Ok,
    /// The username or the password was wrong.
    Failed,
    /// Refused since too many failed before.
    Throttled,
    /// Refused since the server was overloaded.
    Busy,
}

label!(SignIn: Ok = "ok", Failed = "failed", Throttled = "throttled", Busy = "busy");

/// What the statements of one lane to the database do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Read a session for a refresh that has to be judged.
    Sessions,
    /// Ask whether an access token of a session lives.
    Tokens,
    /// Ask whether a client's own access token lives.
    ClientTokens,
    /// Store an exchange that was judged.
    Exchanges,
    /// Exchange a current refresh token.
    Rotations,
    SignIns,
    /// Write audit events that change nothing else.
    Events,
    /// Read a user's password hash.
    Credentials,
}

label!(
    Lane:
    Sessions = "sessions",
    Tokens = "tokens",
    ClientTokens = "client_tokens",
    Exchanges = "exchanges",
    Rotations = "rotations",
    SignIns = "sign_ins",
    Events = "events",
    Credentials = "credentials",
);

label!(
    Failures:
    Address = "address",
    Account = "account",
    ClientSecrets = "client_secrets",
    RefreshTokens = "refresh_tokens",
    Introspections = "introspections",
);

label!(Level: ERROR = "error", WARN = "warn", INFO = "info", DEBUG = "debug", TRACE = "trace");
