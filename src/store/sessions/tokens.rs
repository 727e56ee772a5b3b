//! What decides whether an access token is alive: the state of its session and its user, and whether it was revoked by
//! itself. Every introspection and userinfo request reads it, so it has as few columns as possible.

use serde::Deserialize;
use sqlx::Row as _;
use uuid::Uuid;

use crate::domain::{SessionId, SessionLife};
use crate::store::engine::{Connection, Handle, Read, StoreError, Values, from_row};
use crate::store::users::row::{
    AccountRow, ProfileRow, StoredUser, account_columns, account_json, profile_columns, profile_json,
};

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
    /// Whether the user's profile is wanted too.
    pub(in crate::store) with_profile: bool,
}

from_row! {
    /// As PostgreSQL's row, or as SQLite's JSON array: in the order of [`FIND_SQLITE`].
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
        ..account: AccountRow,
    }
}

from_row! {
    struct TokenAndProfileRow {
        ..token: TokenRow,
        ..profile: ProfileRow,
    }
}

/// The inner select uses the index, whatever size the planner assumes.
macro_rules! find_postgres {
    ($($profile:expr),*) => {
        concat!(
            "SELECT k.position, \
             (SELECT r.jti FROM revoked_tokens r WHERE r.jti = k.jti) IS NOT NULL AS token_revoked, s.client_id, \
             s.created_at, s.last_used_at, s.idle_expires_at, s.expires_at, s.revoked_at, ",
            account_columns!("u."),
            $($profile,)*
            " FROM unnest($1, $2) WITH ORDINALITY AS k (id, jti, position) JOIN sessions s ON s.id = k.id \
             JOIN users u ON u.id = s.user_id"
        )
    };
}

const FIND_POSTGRES: &str = find_postgres!();

const FIND_WITH_PROFILE_POSTGRES: &str = find_postgres!(", ", profile_columns!("u."));

/// One JSON text for all, since the driver hands over each row from a thread to another, and copies each column. `CROSS
/// JOIN` is how SQLite is told to begin with the keys.
macro_rules! find_sqlite {
    ($profile:expr) => {
        Values::new(
            concat!(
                "SELECT json_group_array(json_array(json_array(k.column3, \
                 json(iif(EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = k.column2), 'true', 'false')), s.client_id, \
                 s.created_at, s.last_used_at, s.idle_expires_at, s.expires_at, s.revoked_at, ",
                account_json!("u."),
                "), ",
                $profile,
                ")) FROM ("
            ),
            3,
            ") AS k CROSS JOIN sessions s ON s.id = k.column1 CROSS JOIN users u ON u.id = s.user_id",
        )
    };
}

pub(in crate::store) static FIND_SQLITE: Values = find_sqlite!("NULL");

pub(in crate::store) static FIND_WITH_PROFILE_SQLITE: Values = find_sqlite!(profile_json!("u."));

pub(in crate::store) struct FindTokens;

impl Read for FindTokens {
    type Item = TokenKey;
    type Outcome = Option<SessionOfToken>;

    async fn read(connection: &mut Connection, keys: &[TokenKey]) -> Result<Vec<Option<SessionOfToken>>, StoreError> {
        let mut found: Vec<Option<SessionOfToken>> = keys.iter().map(|_| None).collect();
        // One statement serves the batch, so one key that wants a profile reads all profiles.
        let with_profile = keys.iter().any(|key| key.with_profile);
        for (row, profile) in rows(connection, keys, with_profile).await? {
            let place = usize::try_from(row.position - 1).ok().and_then(|index| found.get_mut(index));
            *place.ok_or(StoreError::Unreadable("position"))? = Some(session_of(row, profile));
        }
        Ok(found)
    }
}

fn session_of(row: TokenRow, profile: Option<ProfileRow>) -> SessionOfToken {
    SessionOfToken {
        client_id: row.client_id,
        life: SessionLife {
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            idle_expires_at: row.idle_expires_at,
            expires_at: row.expires_at,
            is_revoked: row.revoked_at.is_some(),
        },
        user: StoredUser { account: row.account, profile },
        token_revoked: row.token_revoked,
    }
}

type Found = (TokenRow, Option<ProfileRow>);

async fn rows(connection: &mut Connection, keys: &[TokenKey], with_profile: bool) -> Result<Vec<Found>, StoreError> {
    match connection.handle() {
        Handle::Postgres(on) => {
            let (ids, jtis): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|key| (key.session_id.0, key.jti)).unzip();
            if !with_profile {
                let rows = sqlx::query_as(FIND_POSTGRES).bind(ids).bind(jtis).fetch_all(on).await?;
                return Ok(rows.into_iter().map(|token| (token, None)).collect());
            }
            let rows = sqlx::query_as(FIND_WITH_PROFILE_POSTGRES).bind(ids).bind(jtis).fetch_all(on).await?;
            Ok(rows.into_iter().map(|TokenAndProfileRow { token, profile }| (token, Some(profile))).collect())
        }
        Handle::Sqlite(on) => {
            let find = if with_profile { &FIND_WITH_PROFILE_SQLITE } else { &FIND_SQLITE };
            let query = keys.iter().zip(1_i64..).fold(sqlx::query(find.of(keys.len())), |query, (key, position)| {
                query.bind(key.session_id.0).bind(key.jti).bind(position)
            });
            let row = query.fetch_one(on).await?;
            serde_json::from_str(row.try_get(0)?).map_err(|_| StoreError::Unreadable("sessions"))
        }
    }
}
