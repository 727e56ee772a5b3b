//! What can go wrong with the database, sorted by what a caller can do about it.

mod code;
mod reason;

use std::sync::Arc;

pub(super) use self::reason::{CLOSED_AT_ONCE, reason};

/// A statement without a usable answer. Cheap to clone: one statement may carry the items of many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached or is too busy: trying again later may help.
    #[error("the database {}", reason(.0))]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// More statements wait than the database gets through.
    #[error("too many statements wait for the database")]
    Overloaded,
    /// The database gave no answer in time; what was asked of it may have been done.
    #[error("the database doesn't answer in time (setting: database)")]
    TimedOut,
    /// This program panicked at the statement; what was asked of the database may have been done.
    #[error("a statement panicked")]
    Panicked,
    /// Somebody else held the row for longer than it is waited for. Nothing was done.
    #[error("a row stayed locked by somebody else for too long")]
    Locked,
    /// The file of the embedded database was replaced or removed while it was open.
    #[error("the database's file was replaced or removed while the server runs")]
    FileReplaced,
    /// Revoking again would date new tokens further ahead than nodes accept. It succeeds when the clock has caught up.
    #[error("the tokens of this client were revoked more than once within a second: try again in a second")]
    TokensJustRevoked,
    /// A row with this key exists already.
    #[error("it exists already")]
    Exists,
    /// A stored value that this program never writes.
    #[error("the database holds an unreadable {0}")]
    Unreadable(&'static str),
    /// Anything else: a defect of this program or of the database's set-up.
    #[error("the database refused a statement: {0}")]
    Failed(#[source] Arc<sqlx::Error>),
}

impl StoreError {
    /// No connection could be had, for whatever reason.
    ///
    /// The driver's words help only those who look for a defect, so they are logged at level debug.
    pub(in crate::store) fn unavailable(error: sqlx::Error) -> Self {
        tracing::debug!(cause = %error, "the database's driver reports an error");
        Self::Unavailable(Arc::new(error))
    }

    /// Whether the connection was lost, and with it the answer: what was asked may have been done all the same.
    pub fn is_of_lost_connection(&self) -> bool {
        let Self::Unavailable(error) = self else { return false };
        match **error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => true,
            _ => self.has_code(code::is_lost),
        }
    }

    /// Whether the statement was refused for what is prepared on its connection. Nothing was done.
    pub(in crate::store) fn is_of_outdated_connection(&self) -> bool {
        self.has_code(code::is_outdated)
    }

    /// Whether another connection can be asked at once. What was asked may have been done all the same.
    pub fn is_of_connection(&self) -> bool {
        self.is_of_lost_connection() || self.is_of_outdated_connection()
    }

    /// Whether somebody's lock was in the way. Nothing was done.
    pub(in crate::store) fn is_lock_timeout(&self) -> bool {
        self.has_code(code::is_lock_timeout)
    }

    /// Whether SQLite opened the file for reading only.
    pub(in crate::store) fn is_read_only(&self) -> bool {
        self.has_code(code::is_read_only_file)
    }

    /// Whether PostgreSQL rolled the statement back, after a deadlock for example.
    pub(in crate::store) fn is_rollback(&self) -> bool {
        self.has_code(code::is_rollback)
    }

    /// Whether somebody's lock was in the way, for too long or in a deadlock. Nothing was done.
    pub(in crate::store) fn is_of_lock(&self) -> bool {
        self.is_lock_timeout() || self.is_rollback()
    }

    /// Whether others would fail too: nothing was said of the one item, nor of a lock that somebody else holds.
    pub(in crate::store) fn is_outage(&self) -> bool {
        match self {
            Self::Unavailable(_) => !self.is_of_lock(),
            Self::TimedOut => true,
            _ => false,
        }
    }

    /// Whether a table isn't there.
    pub fn is_of_missing_table(&self) -> bool {
        let (Self::Failed(error) | Self::Unavailable(error)) = self else { return false };
        error.as_database_error().is_some_and(|cause| {
            cause.code().as_deref() == Some("42P01") || cause.message().starts_with("no such table")
        })
    }

    /// Whether one item of a statement that carries many may be the reason, so that each should go alone: a value that
    /// the engine refuses, or a deadlock with somebody who holds its row.
    pub(in crate::store) fn is_of_one_item(&self) -> bool {
        match self {
            Self::Unavailable(_) => self.is_rollback() && !self.is_of_lost_connection(),
            Self::Exists | Self::Unreadable(_) | Self::Failed(_) => true,
            Self::Overloaded
            | Self::TimedOut
            | Self::TokensJustRevoked
            | Self::Panicked
            | Self::Locked
            | Self::FileReplaced => false,
        }
    }

    fn has_code(&self, is_meant: fn(&str) -> bool) -> bool {
        let (Self::Unavailable(error) | Self::Failed(error)) = self else { return false };
        code::of(error).is_some_and(|code| is_meant(&code))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::unavailable(error),
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Exists,
            _ if code::of(&error).is_some_and(|code| code::is_passing(&code)) => Self::unavailable(error),
            _ => Self::Failed(Arc::new(error)),
        }
    }
}

/// Whether a statement waited for a lock for as long as it may.
pub(in crate::store) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    code::of(error).is_some_and(|code| code::is_lock_timeout(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_connection_leaves_it_open_what_was_done() {
        for answered in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed, sqlx::Error::RowNotFound] {
            assert!(!StoreError::from(answered).is_of_lost_connection());
        }
        for broke_off in [sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()), sqlx::Error::WorkerCrashed] {
            assert!(StoreError::from(broke_off).is_of_lost_connection());
        }
        // These have used up their time: repeating them is the caller's choice.
        for late in [StoreError::TimedOut, StoreError::Panicked, StoreError::Overloaded, StoreError::Locked] {
            assert!(!late.is_of_lost_connection(), "{late}");
        }
    }
}
