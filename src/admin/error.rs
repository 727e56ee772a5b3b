//! How an act fails, sorted by what a caller can do about it.

use std::fmt;

use crate::app::RegistryError;
use crate::store::{StartError, StoreError};
use crate::words::words;

/// Why an act wasn't done. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no {0} {1}")]
    NotFound(Thing, String),
    #[error("there is a {0} {1} already; `tokend {0} update` changes it")]
    Exists(Thing, String),
    /// The thing is in a state in which this can't be done.
    #[error("{0}")]
    Conflict(String),
    /// A value breaks a rule.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

words! {
    /// What acts are about.
    pub enum Thing {
        User = "user",
        Client = "client",
        Session = "session",
        Key = "key",
    }
}

impl Error {
    pub fn not_found(thing: Thing, id: impl fmt::Display) -> Self {
        Self::NotFound(thing, id.to_string())
    }

    pub fn exists(thing: Thing, id: impl fmt::Display) -> Self {
        Self::Exists(thing, id.to_string())
    }

    pub fn invalid(reason: impl fmt::Display) -> Self {
        Self::Invalid(reason.to_string())
    }

    pub fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(cause.into())
    }

    /// Whether the same may succeed in a moment.
    pub fn is_unavailable(&self) -> bool {
        use StoreError::{Locked, Overloaded, TimedOut, Unavailable};
        matches!(self, Self::Store(Unavailable(_) | Overloaded | TimedOut | Locked))
    }

    /// Whether the database isn't there yet, and may come.
    pub fn is_of_absent_database(&self) -> bool {
        match self {
            Self::Start(error) => error.may_pass(),
            Self::Store(error) => StartError::from(error.clone()).may_pass(),
            _ => false,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TokensJustRevoked => Self::Conflict(error.to_string()),
            error => Self::Store(error),
        }
    }
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Store(error) => error.into(),
            error @ RegistryError::Key(_) => Self::failed(error),
        }
    }
}
