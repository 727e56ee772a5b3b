//! Sessions with their users, many keys at a time.

use uuid::Uuid;

use super::super::row::LiveSessionRow;
use super::super::{SignedIn, signed_in_columns};
use crate::domain::SessionId;
use crate::store::StoreError;
use crate::store::db::{Connection, Db, Handle, sql};
use crate::store::values::Values;

/// Which session is read, and of which access token it is asked whether it was revoked.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::sessions) struct SessionKey {
    pub(in crate::store::sessions) id: SessionId,
    pub(in crate::store::sessions) jti: Uuid,
}

pub(super) type Found = Option<(SignedIn, bool)>;

const FIND: &str = concat!(
    "SELECT ",
    signed_in_columns!(),
    ", EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $2) AS token_revoked, $3 AS position \
     FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
);

const FIND_ALL_POSTGRES: &str = concat!(
    "SELECT ",
    signed_in_columns!(),
    ", EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = k.jti) AS token_revoked, k.position \
     FROM unnest($1, $2) WITH ORDINALITY AS k (id, jti, position) \
     JOIN sessions s ON s.id = k.id JOIN users u ON u.id = s.user_id"
);

/// `CROSS JOIN` is how SQLite is told to begin with the keys.
pub(super) static FIND_ALL_SQLITE: Values = Values::new(
    concat!(
        "SELECT ",
        signed_in_columns!(),
        ", EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = k.column2) AS token_revoked, k.column3 AS position FROM ("
    ),
    3,
    ") AS k CROSS JOIN sessions s ON s.id = k.column1 CROSS JOIN users u ON u.id = s.user_id",
);

pub(super) async fn find_all(db: Db, keys: Vec<SessionKey>) -> Result<Vec<Found>, StoreError> {
    let rows = match rows(db.read().await?, &keys).await {
        // The connection may have died since it last answered. Reading twice does no harm.
        Err(StoreError::Unavailable(_)) => rows(db.read_surely().await?, &keys).await?,
        outcome => outcome?,
    };
    let mut found: Vec<Found> = keys.iter().map(|_| None).collect();
    for row in rows {
        let place = usize::try_from(row.position - 1).ok().and_then(|index| found.get_mut(index));
        *place.ok_or(StoreError::Unreadable("position"))? = Some(row.signed_in()?);
    }
    Ok(found)
}

async fn rows(mut connection: Connection, keys: &[SessionKey]) -> Result<Vec<LiveSessionRow>, StoreError> {
    Ok(match (connection.handle(), keys) {
        (_, [key]) => sql!(connection, all LiveSessionRow, FIND, key.id.0, key.jti, 1_i64)?,
        (Handle::Postgres(connection), keys) => {
            let (ids, jtis): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|key| (key.id.0, key.jti)).unzip();
            sqlx::query_as(FIND_ALL_POSTGRES).bind(ids).bind(jtis).fetch_all(connection).await?
        }
        (Handle::Sqlite(connection), keys) => {
            let mut all = sqlx::query_as(FIND_ALL_SQLITE.of(keys.len()));
            for (key, position) in keys.iter().zip(1_i64..) {
                all = all.bind(key.id.0).bind(key.jti).bind(position);
            }
            all.fetch_all(connection).await?
        }
    })
}
