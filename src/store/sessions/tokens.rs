//! What says whether an access token lives: its session's and its user's state, and whether it was revoked by itself. Every
//! introspection and userinfo reads it, so it is as little as it can be.

use serde::Deserialize;
use sqlx::Row as _;
use uuid::Uuid;

use crate::domain::{SessionId, SessionLife};
use crate::store::engine::{Connection, Handle, Read, StoreError, Values, from_row};
use crate::store::users::row::{StoredUser, UserRow, user_columns, user_json};

/// What says whether an access token lives, besides itself.
#[derive(Debug)]
pub struct SessionOfToken {
    /// The session's client.
    pub client_id: String,
    /// The session's times.
    pub life: SessionLife,
    /// Who signed in.
    pub user: StoredUser,
    /// Whether the token was revoked by itself.
    pub token_revoked: bool,
}

/// Which session is read, and of which access token it is asked whether it was revoked.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct TokenKey {
    pub(in crate::store) session_id: SessionId,
    pub(in crate::store) jti: Uuid,
}

from_row! {
    /// As PostgreSQL's row, or as SQLite's JSON array: in this order.
    #[derive(Deserialize)]
    struct TokenRow {
        /// Which of the keys, from 1 on.
        position: i64,
        token_revoked: bool,
        client_id: String,
        created_at: i64,
        last_used_at: i64,
        idle_expires_at: i64,
        expires_at: i64,
        revoked_at: Option<i64>,
        ..user: UserRow,
    }
}

/// The innermost select goes by the index, whatever is believed of the table's size when the plan is made.
const FIND_POSTGRES: &str = concat!(
    "SELECT k.position, \
     (SELECT r.jti FROM revoked_tokens r WHERE r.jti = k.jti) IS NOT NULL AS token_revoked, s.client_id, s.created_at, \
     s.last_used_at, s.idle_expires_at, s.expires_at, s.revoked_at, ",
    user_columns!("u."),
    " FROM unnest($1, $2) WITH ORDINALITY AS k (id, jti, position) JOIN sessions s ON s.id = k.id \
     JOIN users u ON u.id = s.user_id"
);

/// One JSON text for all, since the driver hands over each row from a thread to another, and copies each column. `CROSS
/// JOIN` is how SQLite is told to begin with the keys.
pub(in crate::store) static FIND_SQLITE: Values = Values::new(
    concat!(
        "SELECT json_group_array(json_array(k.column3, \
         json(iif(EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = k.column2), 'true', 'false')), s.client_id, \
         s.created_at, s.last_used_at, s.idle_expires_at, s.expires_at, s.revoked_at, ",
        user_json!(),
        ")) FROM ("
    ),
    3,
    ") AS k CROSS JOIN sessions s ON s.id = k.column1 CROSS JOIN users u ON u.id = s.user_id",
);

/// Reads what says whether access tokens live.
pub(in crate::store) struct FindTokens;

impl Read for FindTokens {
    type Item = TokenKey;
    type Outcome = Option<SessionOfToken>;

    async fn read(connection: &mut Connection, keys: &[TokenKey]) -> Result<Vec<Option<SessionOfToken>>, StoreError> {
        let mut found: Vec<Option<SessionOfToken>> = keys.iter().map(|_| None).collect();
        for row in rows(connection, keys).await? {
            let place = usize::try_from(row.position - 1).ok().and_then(|index| found.get_mut(index));
            *place.ok_or(StoreError::Unreadable("position"))? = Some(row.into());
        }
        Ok(found)
    }
}

impl From<TokenRow> for SessionOfToken {
    fn from(row: TokenRow) -> Self {
        Self {
            client_id: row.client_id,
            life: SessionLife {
                created_at: row.created_at,
                last_used_at: row.last_used_at,
                idle_expires_at: row.idle_expires_at,
                expires_at: row.expires_at,
                is_revoked: row.revoked_at.is_some(),
            },
            user: StoredUser::new(row.user),
            token_revoked: row.token_revoked,
        }
    }
}

async fn rows(connection: &mut Connection, keys: &[TokenKey]) -> Result<Vec<TokenRow>, StoreError> {
    match connection.handle() {
        Handle::Postgres(on) => {
            let (ids, jtis): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|key| (key.session_id.0, key.jti)).unzip();
            Ok(sqlx::query_as(FIND_POSTGRES).bind(ids).bind(jtis).fetch_all(on).await?)
        }
        Handle::Sqlite(on) => {
            let query =
                keys.iter().zip(1_i64..).fold(sqlx::query(FIND_SQLITE.of(keys.len())), |query, (key, position)| {
                    query.bind(key.session_id.0).bind(key.jti).bind(position)
                });
            let row = query.fetch_one(on).await?;
            serde_json::from_str(row.try_get(0)?).map_err(|_| StoreError::Unreadable("sessions"))
        }
    }
}
