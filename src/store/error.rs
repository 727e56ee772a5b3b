//! What can go wrong with the database, sorted by what a caller can do about it.

use std::sync::Arc;

/// PostgreSQL's code for a statement that waited for somebody's lock for too long.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A statement that gave no answer that can be used. Cheap to clone: one statement may carry many callers' items.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached or is too busy: trying again later may help.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// More statements wait than the database gets through.
    #[error("too many statements wait for the database")]
    Overloaded,
    /// The database gave no answer in time; what was asked of it may have been done.
    #[error("the database gave no answer in time")]
    TimedOut,
    /// This program panicked at the statement; what was asked of the database may have been done.
    #[error("a statement panicked")]
    Panicked,
    /// It would date tokens further ahead than nodes believe: once the clock has caught up it can be done.
    #[error("the tokens of this client were revoked more than once within a second: try again in a second")]
    TooSoon,
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
    pub(super) fn unavailable(error: sqlx::Error) -> Self {
        Self::Unavailable(Arc::new(error))
    }

    /// Whether what was asked of the database may have been done all the same, so that only a look at it tells.
    pub fn is_of_unknown_outcome(&self) -> bool {
        match self {
            // Nothing was asked: no connection could be had.
            Self::Unavailable(error) => !matches!(**error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed),
            Self::TimedOut | Self::Panicked => true,
            Self::Overloaded | Self::TooSoon | Self::Exists | Self::Unreadable(_) | Self::Failed(_) => false,
        }
    }

    /// Whether a table isn't there.
    pub fn is_of_missing_table(&self) -> bool {
        let Self::Failed(error) = self else { return false };
        error.as_database_error().is_some_and(|cause| {
            cause.code().as_deref() == Some("42P01") || cause.message().starts_with("no such table")
        })
    }

    /// Whether one item of a statement that carries many may be the reason, so that each should go alone: a value that
    /// the engine refuses, a row that somebody else holds, or a deadlock with them.
    pub(super) fn is_of_one_item(&self) -> bool {
        match self {
            Self::Unavailable(error) => {
                let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
                code.is_some_and(|code| code.starts_with("40") || code == LOCK_NOT_AVAILABLE)
            }
            Self::Exists | Self::Unreadable(_) | Self::Failed(_) => true,
            Self::Overloaded | Self::TimedOut | Self::TooSoon | Self::Panicked => false,
        }
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
            | sqlx::Error::BeginFailed => Self::Unavailable(Arc::new(error)),
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Exists,
            sqlx::Error::Database(cause) if is_passing(cause.code().as_deref()) => Self::Unavailable(Arc::new(error)),
            _ => Self::Failed(Arc::new(error)),
        }
    }
}

/// Whether an engine's error code says that the same statement may succeed later.
///
/// PostgreSQL: connection (08), transaction rollback (40), insufficient resources (53), operator intervention (57),
/// system error (58), lock not available (55P03), read-only (25006: a standby that is being promoted).
/// SQLite primary codes: 5 BUSY, 6 LOCKED, 8 READONLY, 10 IOERR, 13 FULL, 14 CANTOPEN.
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if let (true, Some(class)) = (code.len() == 5, code.get(..2)) {
        return matches!(class, "08" | "40" | "53" | "57" | "58") || matches!(code, LOCK_NOT_AVAILABLE | "25006");
    }
    code.parse::<u32>().is_ok_and(|extended| matches!(extended & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
}

/// Whether a statement waited for a lock for as long as it may.
pub(super) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == LOCK_NOT_AVAILABLE)
}

/// Whether SQLite opened the file for reading only: primary code 8.
pub(super) fn is_read_only(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|extended| extended & 0xff == 8)
}

/// Why a copy of the database wasn't made.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The file can't be made or written, or is there already.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The database can't be read, or the disk is full.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Only the embedded database is one file.
    #[error("it is a PostgreSQL database, which its own programs back up, pg_dump for one")]
    NotEmbedded,
}

/// Why a database can't be used at all. Said to the operator at start; the process ends with it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No connection.
    #[error("cannot open the database {name}: {cause}")]
    Unreachable {
        /// The database without its credentials.
        name: String,
        /// What the driver says.
        #[source]
        cause: sqlx::Error,
    },
    /// The directory of the embedded database can't be made.
    #[error("cannot make the directory {directory} for the database: {cause}")]
    Directory {
        /// Which one.
        directory: String,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The file of the embedded database can't be made.
    #[error("cannot make the database {file}: {cause}")]
    File {
        /// Which one.
        file: String,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The file of the embedded database, or what belongs to it, can't be written.
    #[error("cannot write to the database {0}: it is read-only for this user")]
    ReadOnly(String),
    /// It was migrated by a newer version of this program.
    #[error("the database is of a newer version of tokend (it has migration {0}); run that version, or a newer one")]
    Newer(i64),
    /// Migrations are missing and may not be applied.
    #[error("the database lacks {0} migration(s): run `tokend migrate`, or start without --no-migrate")]
    Behind(usize),
    /// A migration differs from the one that was applied, or failed.
    #[error("migrating the database failed: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// PostgreSQL older than 14.
    #[error("PostgreSQL {0} is too old: tokend needs 14 or newer")]
    TooOld(String),
    /// A statement failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_connection_nothing_was_done() {
        for nothing in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed] {
            assert!(!StoreError::from(nothing).is_of_unknown_outcome());
        }
        let broke_off = StoreError::from(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()));
        for unknown in [broke_off, StoreError::TimedOut, StoreError::Panicked] {
            assert!(unknown.is_of_unknown_outcome(), "{unknown}");
        }
        for known in [StoreError::Overloaded, StoreError::Exists, StoreError::from(sqlx::Error::RowNotFound)] {
            assert!(!known.is_of_unknown_outcome(), "{known}");
        }
    }

    #[test]
    fn only_what_may_pass_is_called_unavailable() {
        for code in
            ["08006", "40001", "40P01", "53300", "57P01", "57P03", "25006", "5", "261", "1555" /* primary 19 */]
        {
            assert_eq!(is_passing(Some(code)), code != "1555", "{code}");
        }
        for code in ["23505", "42601", "22021", "1", "19"] {
            assert!(!is_passing(Some(code)), "{code}");
        }
    }
}
