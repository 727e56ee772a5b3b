//! Why a database can't be used at all. A start waits for a database that isn't up yet, and for no other reason.

use std::io::ErrorKind;

use sqlx::migrate::MigrateError;

use super::error::{CLOSED_AT_ONCE, StoreError, reason};

/// Why a copy of the database wasn't made.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The file can't be made or written, or is there already.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// The database can't be read, or the disk is full.
    #[error("the database {}", reason(.0))]
    Database(#[from] sqlx::Error),
    /// Only the embedded database is one file.
    #[error("it is a PostgreSQL database, which its own programs back up, pg_dump for one")]
    NotEmbedded,
}

/// Why a database can't be used at all. Said to the operator at start; the process ends with it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No connection.
    #[error("cannot open the database {name}: it {}", reason(cause))]
    Unreachable {
        /// The database without its credentials.
        name: String,
        /// What the driver says.
        #[source]
        cause: sqlx::Error,
    },
    /// SQLite would delete the log, with every change that isn't in the file yet.
    #[error(
        "the database {database} is missing or empty, but its log {log} is there: put the database back, or move the log away to \
         begin with an empty database"
    )]
    LogWithoutDatabase {
        /// The file of the database.
        database: String,
        /// The file of its log.
        log: String,
    },
    /// The file of the embedded database, or its directory, can't be created.
    #[error("cannot make the {what}: {cause}")]
    NotMade {
        /// `directory .. for the database` or `database ..`, with its path.
        what: String,
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
    /// A guarantee would not hold on this database.
    #[error("{0}")]
    Preconditions(String),
    /// SQLite can't write its log ahead on this file system.
    #[error("the database {0} can't be put into WAL mode: use a local file system")]
    NoWal(String),
    /// PostgreSQL older than 14.
    #[error("PostgreSQL {0} is too old: tokend needs 14 or newer")]
    TooOld(String),
    /// A statement failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What makes a standby unfit.
#[derive(Debug, thiserror::Error)]
#[error("this PostgreSQL is a standby; tokend needs the primary")]
pub(super) struct Standby;

impl StartError {
    /// Whether the database isn't there yet, so that the same start may succeed in a moment.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { cause, .. }
            | Self::Migration(MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) => {
                is_of_absence(cause)
            }
            Self::Store(StoreError::Unavailable(cause)) => is_of_absence(cause),
            Self::Store(StoreError::TimedOut | StoreError::Overloaded) => true,
            _ => false,
        }
    }
}

fn is_of_absence(error: &sqlx::Error) -> bool {
    match error {
        // Everything else is about the way there: refused, reset, not found. Names that can't be resolved have no kind.
        sqlx::Error::Io(error) => !matches!(
            error.kind(),
            ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::InvalidData
                | ErrorKind::InvalidInput
                | ErrorKind::Unsupported
                | ErrorKind::IsADirectory
                | ErrorKind::NotADirectory
        ),
        sqlx::Error::Protocol(what) => what.contains(CLOSED_AT_ONCE),
        sqlx::Error::Configuration(cause) => cause.is::<Standby>(),
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| is_code_of_absence(&code)),
        sqlx::Error::PoolTimedOut => true,
        _ => false,
    }
}

/// PostgreSQL: connection (08, but not a breach of the protocol), too many connections (53300), shutting down, crashed,
/// starting (57P01 to 57P03), read-only (25006: a standby that is being promoted).
/// SQLite primary codes: 5 BUSY, 6 LOCKED.
fn is_code_of_absence(code: &str) -> bool {
    if code.len() == 5 {
        let connects = code.starts_with("08") && code != "08P01";
        return connects || matches!(code, "53300" | "57P01" | "57P02" | "57P03" | "25006");
    }
    code.parse::<u32>().is_ok_and(|extended| matches!(extended & 0xff, 5 | 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable(cause: sqlx::Error) -> StartError {
        StartError::Unreachable { name: String::new(), cause }
    }

    #[test]
    fn a_database_that_is_not_there_yet_is_waited_for() {
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::TimedOut, ErrorKind::Other] {
            assert!(unreachable(sqlx::Error::Io(kind.into())).may_pass(), "{kind}");
        }
        let passing = [sqlx::Error::PoolTimedOut, sqlx::Error::Configuration(Standby.into())];
        for cause in passing {
            assert!(unreachable(cause).may_pass());
        }
        for code in ["57P01", "57P02", "57P03", "53300", "08006", "25006", "5", "261"] {
            assert!(is_code_of_absence(code), "{code}");
        }
    }

    #[test]
    fn what_only_an_operator_can_mend_is_not_waited_for() {
        // A wrong password, no such role, no such database; SQLite: a full disk, no database, read-only.
        for code in ["28P01", "28000", "3D000", "08P01", "42501", "13", "26", "8", "14"] {
            assert!(!is_code_of_absence(code), "{code}");
        }
        for kind in [ErrorKind::NotFound, ErrorKind::PermissionDenied, ErrorKind::InvalidData] {
            assert!(!unreachable(sqlx::Error::Io(kind.into())).may_pass(), "{kind}");
        }
        for cause in [
            sqlx::Error::Tls("server does not support TLS".into()),
            sqlx::Error::Configuration("a bad URL".into()),
            sqlx::Error::Protocol("unsupported authentication method: SSPI".to_owned()),
        ] {
            assert!(!unreachable(cause).may_pass());
        }
        for other in [StartError::Newer(9), StartError::Behind(1), StartError::TooOld("13".to_owned())] {
            assert!(!other.may_pass(), "{other}");
        }
    }
}
