//! The engines' error codes, sorted by what follows from them. PostgreSQL's have five characters, SQLite's are numbers.

use sqlx::error::DatabaseError;

/// PostgreSQL's code for a statement that waited for somebody's lock for too long.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The set-up isn't what it was: read-only, no such database, schema, table or column, a right that is missing. Whoever mends
/// that mends it for all requests.
const SET_UP: [&str; 6] = ["25006", "3D000", "3F000", "42P01", "42703", "42501"];

/// What was prepared on the connection is gone, is there already, or is of another form since a table was changed; or the
/// connection is in a transaction that failed. None of it was carried out.
const OUTDATED: [&str; 4] = ["26000", "42P05", "0A000", "25P02"];

/// The connection has ended, or ends: the server stops, an administrator or a time limit ended it; 40003: nobody knows.
const LOST: [&str; 8] = ["57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04", "40003"];

/// The code of what a database answered.
pub(super) fn of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(DatabaseError::code).map(std::borrow::Cow::into_owned)
}

/// Whether the same statement may succeed later, without a change of this program.
///
/// PostgreSQL: connection (08), transaction rollback (40), insufficient resources (53), operator intervention (57), system error
/// (58), lock not available, and what lies with the set-up or the connection.
pub(super) fn is_passing(code: &str) -> bool {
    match class(code) {
        Some(class) => {
            let is_one_of = |codes: &[&str]| codes.contains(&code);
            matches!(class, "08" | "40" | "53" | "57" | "58")
                || code == LOCK_NOT_AVAILABLE
                || is_one_of(&SET_UP)
                || is_one_of(&OUTDATED)
                || is_one_of(&LOST)
        }
        // PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, AUTH, NOTADB.
        None => sqlite(code).is_some_and(|primary| matches!(primary, 3 | 5..=8 | 10 | 11 | 13..=15 | 23 | 26)),
    }
}

/// Whether the connection is lost, and with it the answer.
pub(super) fn is_lost(code: &str) -> bool {
    class(code) == Some("08") || LOST.contains(&code)
}

/// Whether another connection would do, and nothing was carried out on this one.
pub(super) fn is_outdated(code: &str) -> bool {
    OUTDATED.contains(&code)
}

/// Whether somebody's lock was in the way for as long as it is waited for.
pub(super) fn is_lock_timeout(code: &str) -> bool {
    code == LOCK_NOT_AVAILABLE || sqlite(code).is_some_and(|primary| matches!(primary, 5 | 6))
}

/// Whether PostgreSQL undid a transaction that met another: a deadlock, for one.
pub(super) fn is_rollback(code: &str) -> bool {
    class(code) == Some("40")
}

/// Whether SQLite opened the file for reading only.
pub(super) fn is_read_only_file(code: &str) -> bool {
    sqlite(code) == Some(8)
}

fn class(code: &str) -> Option<&str> {
    (code.len() == 5).then(|| code.get(..2)).flatten()
}

/// SQLite's primary code, of one that may be extended.
fn sqlite(code: &str) -> Option<u32> {
    if code.len() == 5 {
        return None;
    }
    code.parse::<u32>().ok().map(|extended| extended & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_called_so() {
        for code in [
            "08006", "40001", "40P01", "53300", "57P01", "57P03", "25006", "42501", "42P01", "3F000", "26000", "5",
            "261", "11", "26",
        ] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["23505", "42601", "22021", "1", "19", "1555" /* primary 19 */] {
            assert!(!is_passing(code), "{code}");
        }
    }

    #[test]
    fn an_answer_is_no_loss() {
        for code in ["55P03", "25006", "42501", "40001", "40P01", "53300", "57014", "26000", "5", "10"] {
            assert!(!is_lost(code), "{code}");
        }
        for code in ["08006", "08P01", "57P01", "57P05", "25P03", "40003"] {
            assert!(is_lost(code), "{code}");
        }
    }

    #[test]
    fn a_lock_that_was_waited_for_is_told_from_everything_else() {
        for code in ["55P03", "5", "261", "6"] {
            assert!(is_lock_timeout(code), "{code}");
        }
        for code in ["40P01", "57014", "8", "13"] {
            assert!(!is_lock_timeout(code), "{code}");
        }
    }
}
