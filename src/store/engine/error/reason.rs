//! Why the database can't be used, in words for an operator: the end of a sentence that begins with the database. The driver's own
//! words go to the log at level debug.

use std::io::{self, ErrorKind};

use super::code;

/// What the driver says of a server that closes the connection instead of answering its first question, as proxies do that
/// have no server to pass it on to.
pub(in crate::store) const CLOSED_AT_ONCE: &str = "unexpected response from SSLRequest: 0x00";

/// What an operator looks at first.
const SETTING: &str = "(setting: database)";

/// What follows "the database" or "it": `doesn't answer: connection refused (setting: database)`.
pub fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => of_io(error),
        sqlx::Error::Tls(error) => format!("can't be reached by TLS: {error} {SETTING}"),
        // These are our own: a standby, another database than before.
        sqlx::Error::Configuration(cause) => format!("can't be used: {cause} {SETTING}"),
        sqlx::Error::Database(answer) if answer.code().is_some_and(|code| code::is_lost(&code)) => {
            format!("doesn't answer: {} {SETTING}", answer.message())
        }
        sqlx::Error::Database(answer) => format!("refuses to work: {}", answer.message()),
        sqlx::Error::Protocol(what) if !what.contains(CLOSED_AT_ONCE) => {
            format!("doesn't answer as PostgreSQL does: {what} {SETTING}")
        }
        sqlx::Error::PoolClosed => "is closed: tokend stops".to_owned(),
        _ => format!("doesn't answer {SETTING}"),
    }
}

fn of_io(error: &io::Error) -> String {
    match error.kind() {
        // A certificate file, for one.
        ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::InvalidData | ErrorKind::InvalidInput => {
            format!("can't be reached: {error} {SETTING}")
        }
        kind @ (ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::TimedOut
        | ErrorKind::UnexpectedEof
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable) => format!("doesn't answer: {kind} {SETTING}"),
        // Names that can't be resolved have no kind.
        _ => format!("doesn't answer: {error} {SETTING}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_in_our_words() {
        let io = |kind: ErrorKind| sqlx::Error::Io(kind.into());
        for (error, told) in [
            (io(ErrorKind::ConnectionRefused), "doesn't answer: connection refused (setting: database)"),
            (io(ErrorKind::ConnectionReset), "doesn't answer: connection reset (setting: database)"),
            (io(ErrorKind::UnexpectedEof), "doesn't answer: unexpected end of file (setting: database)"),
            (
                sqlx::Error::Io(io::Error::other("Name or service not known")),
                "doesn't answer: Name or service not known (setting: database)",
            ),
            (sqlx::Error::PoolTimedOut, "doesn't answer (setting: database)"),
            (sqlx::Error::WorkerCrashed, "doesn't answer (setting: database)"),
            (sqlx::Error::BeginFailed, "doesn't answer (setting: database)"),
            (sqlx::Error::Protocol(CLOSED_AT_ONCE.to_owned()), "doesn't answer (setting: database)"),
            (sqlx::Error::PoolClosed, "is closed: tokend stops"),
            (sqlx::Error::Protocol("SSPI".to_owned()), "doesn't answer as PostgreSQL does: SSPI (setting: database)"),
            (sqlx::Error::Tls("no TLS".into()), "can't be reached by TLS: no TLS (setting: database)"),
            (sqlx::Error::Configuration("a standby".into()), "can't be used: a standby (setting: database)"),
        ] {
            assert_eq!(reason(&error), told, "{error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = sqlx::Error::Io(io::Error::new(ErrorKind::NotFound, "root.pem is not there"));
        assert_eq!(reason(&error), "can't be reached: root.pem is not there (setting: database)");
    }
}
