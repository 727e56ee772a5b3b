//! Every value that a label can have.

use tracing::Level;

use crate::throttle::Failures;
use crate::token::judge::Verdict;

/// One of a closed set.
pub trait Label: Copy + 'static {
    /// The whole set, in the order of [`Self::index`].
    const ALL: &'static [Self];

    /// Where in [`Self::ALL`] it is.
    fn index(self) -> usize;

    fn name(self) -> &'static str;
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

impl Label for Status {
    const ALL: &'static [Self] = &[
        Self::Success,
        Self::Redirection,
        Self::ClientError,
        Self::TooManyRequests,
        Self::ServerError,
        Self::Unavailable,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::TooManyRequests => "429",
            Self::ServerError => "5xx",
            Self::Unavailable => "503",
        }
    }
}

impl Label for Verdict {
    const ALL: &'static [Self] =
        &[Self::Rotate, Self::Unrotated, Self::Replay, Self::Recover, Self::Reuse, Self::Ahead];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Unrotated => "unrotated",
            Self::Replay => "replay",
            Self::Recover => "recover",
            Self::Reuse => "reuse",
            Self::Ahead => "ahead",
        }
    }
}

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

impl Label for SignIn {
    const ALL: &'static [Self] = &[Self::Ok, Self::Failed, Self::Throttled, Self::Busy];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
        }
    }
}

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

impl Label for Lane {
    const ALL: &'static [Self] = &[
        Self::Sessions,
        Self::Tokens,
        Self::ClientTokens,
        Self::Exchanges,
        Self::Rotations,
        Self::SignIns,
        Self::Events,
        Self::Credentials,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Tokens => "tokens",
            Self::ClientTokens => "client_tokens",
            Self::Exchanges => "exchanges",
            Self::Rotations => "rotations",
            Self::SignIns => "sign_ins",
            Self::Events => "events",
            Self::Credentials => "credentials",
        }
    }
}

impl Label for Failures {
    const ALL: &'static [Self] =
        &[Self::Address, Self::Account, Self::ClientSecrets, Self::RefreshTokens, Self::Introspections];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Account => "account",
            Self::ClientSecrets => "client_secrets",
            Self::RefreshTokens => "refresh_tokens",
            Self::Introspections => "introspections",
        }
    }
}

impl Label for Level {
    const ALL: &'static [Self] = &[Self::ERROR, Self::WARN, Self::INFO, Self::DEBUG, Self::TRACE];

    fn index(self) -> usize {
        match self {
            Self::ERROR => 0,
            Self::WARN => 1,
            Self::INFO => 2,
            Self::DEBUG => 3,
            Self::TRACE => 4,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ERROR => "error",
            Self::WARN => "warn",
            Self::INFO => "info",
            Self::DEBUG => "debug",
            Self::TRACE => "trace",
        }
    }
}
