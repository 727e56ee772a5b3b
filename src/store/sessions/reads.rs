//! Sessions with their users, many at a time: all that the judge wants to know.

use std::collections::HashMap;

use sqlx::Row as _;
use uuid::Uuid;

use super::row::{SignedIn, SignedInRow, session_columns, session_json};
use crate::domain::SessionId;
use crate::store::engine::{Connection, Handle, Read, StoreError, Values};
use crate::store::users::row::{account_columns, account_json, profile_columns, profile_json};

const FIND_POSTGRES: &str = concat!(
    "SELECT ",
    session_columns!("s."),
    ", ",
    account_columns!("u."),
    ", ",
    profile_columns!("u."),
    " FROM unnest($1) AS k (id) JOIN sessions s ON s.id = k.id JOIN users u ON u.id = s.user_id"
);

/// One JSON text for all, since the driver hands over each row from a thread to another, and copies each column. `CROSS
/// JOIN` is how SQLite is told to begin with the keys.
pub(in crate::store) static FIND_SQLITE: Values = Values::new(
    concat!(
        "SELECT json_group_array(json_array(",
        session_json!("s."),
        ", ",
        "json_array(",
        account_json!("u."),
        ", ",
        profile_json!("u."),
        ")",
        ")) FROM ("
    ),
    1,
    ") AS k CROSS JOIN sessions s ON s.id = k.column1 CROSS JOIN users u ON u.id = s.user_id",
);

pub(in crate::store) struct FindSessions;

impl Read for FindSessions {
    type Item = SessionId;
    type Outcome = Option<SignedIn>;

    async fn read(connection: &mut Connection, ids: &[SessionId]) -> Result<Vec<Option<SignedIn>>, StoreError> {
        let rows = rows(connection, ids).await?.into_iter().map(SignedIn::try_from);
        let found: HashMap<SessionId, SignedIn> =
            rows.map(|row| row.map(|signed_in| (signed_in.session.id, signed_in))).collect::<Result<_, _>>()?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }
}

async fn rows(connection: &mut Connection, ids: &[SessionId]) -> Result<Vec<SignedInRow>, StoreError> {
    match connection.handle() {
        Handle::Postgres(on) => {
            let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
            Ok(sqlx::query_as(FIND_POSTGRES).bind(ids).fetch_all(on).await?)
        }
        Handle::Sqlite(on) => {
            let query = sqlx::query(FIND_SQLITE.of(ids.len()));
            let row = ids.iter().fold(query, |query, id| query.bind(id.0)).fetch_one(on).await?;
            serde_json::from_str(row.try_get(0)?).map_err(|_| StoreError::Unreadable("sessions"))
        }
    }
}
