//! Sessions with their users, many keys at a time.

use sqlx::Row as _;
use uuid::Uuid;

use super::super::row::LiveSessionRow;
use super::super::{SignedIn, signed_in_columns};
use crate::domain::SessionId;
use crate::store::StoreError;
use crate::store::db::{Connection, Handle};
use crate::store::kept::Read;
use crate::store::values::Values;

/// Which session is read, and of which access token it is asked whether it was revoked.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::sessions) struct SessionKey {
    pub(in crate::store::sessions) id: SessionId,
    pub(in crate::store::sessions) jti: Uuid,
}

pub(super) type Found = Option<(SignedIn, bool)>;

const FIND_POSTGRES: &str = concat!(
    "SELECT ",
    signed_in_columns!(),
    ", r.jti IS NOT NULL AS token_revoked, k.position FROM unnest($1, $2) WITH ORDINALITY AS k (id, jti, position) \
     JOIN sessions s ON s.id = k.id JOIN users u ON u.id = s.user_id LEFT JOIN revoked_tokens r ON r.jti = k.jti"
);

/// One JSON text for all, since the driver hands over each row from a thread to another, and copies each column. `CROSS
/// JOIN` is how SQLite is told to begin with the keys.
pub(super) static FIND_SQLITE: Values = Values::new(
    "SELECT json_group_array(json_array(k.column3, \
     json(iif(EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = k.column2), 'true', 'false')), \
     json_array(hex(s.id), hex(s.user_id), s.client_id, s.scope, s.audience, s.generation, hex(s.current_hash), \
     hex(s.parent_hash), s.rotated_at, s.anchor_generation, s.anchor_at, s.created_at, s.auth_time, s.last_used_at, \
     s.idle_expires_at, s.expires_at, s.revoked_at, s.revoked_reason, s.device_name, s.user_agent, s.ip), \
     json_array(hex(u.id), u.username, u.email, u.claims, u.credentials_version, u.created_at, u.disabled_at))) FROM (",
    3,
    ") AS k CROSS JOIN sessions s ON s.id = k.column1 CROSS JOIN users u ON u.id = s.user_id",
);

/// Reads sessions with their users.
pub(super) struct FindSessions;

impl Read for FindSessions {
    type Item = SessionKey;
    type Outcome = Found;

    async fn read(connection: &mut Connection, keys: &[SessionKey]) -> Result<Vec<Found>, StoreError> {
        let mut found: Vec<Found> = keys.iter().map(|_| None).collect();
        for row in rows(connection, keys).await? {
            let place = usize::try_from(row.position - 1).ok().and_then(|index| found.get_mut(index));
            *place.ok_or(StoreError::Unreadable("position"))? = Some(row.signed_in()?);
        }
        Ok(found)
    }
}

async fn rows(connection: &mut Connection, keys: &[SessionKey]) -> Result<Vec<LiveSessionRow>, StoreError> {
    match connection.handle() {
        Handle::Postgres(on) => {
            let (ids, jtis): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|key| (key.id.0, key.jti)).unzip();
            Ok(sqlx::query_as(FIND_POSTGRES).bind(ids).bind(jtis).fetch_all(on).await?)
        }
        Handle::Sqlite(on) => {
            let query =
                keys.iter().zip(1_i64..).fold(sqlx::query(FIND_SQLITE.of(keys.len())), |query, (key, position)| {
                    query.bind(key.id.0).bind(key.jti).bind(position)
                });
            let row = query.fetch_one(on).await?;
            serde_json::from_str(row.try_get(0)?).map_err(|_| StoreError::Unreadable("sessions"))
        }
    }
}
