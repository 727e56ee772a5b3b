//! The columns of a session, and the one place where they are folded into the crate's words.

use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::SignedIn;
use crate::domain::{Anchor, Device, Revocation, RevokedReason, Session, SessionId, UserId};
use crate::store::users::UserRow;
use crate::store::{StoreError, row};

/// As PostgreSQL's row, or as SQLite's JSON array with bytes in hexadecimal: in this order.
#[derive(sqlx::FromRow, Deserialize)]
struct SessionRow {
    id: Uuid,
    user_id: Uuid,
    client_id: String,
    scope: String,
    audience: String,
    generation: i64,
    #[serde(deserialize_with = "bytes")]
    current_hash: Vec<u8>,
    #[serde(deserialize_with = "bytes_unless_empty")]
    parent_hash: Option<Vec<u8>>,
    rotated_at: i64,
    anchor_generation: Option<i64>,
    anchor_at: Option<i64>,
    created_at: i64,
    auth_time: i64,
    last_used_at: i64,
    idle_expires_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    revoked_reason: Option<String>,
    device_name: Option<String>,
    user_agent: Option<String>,
    ip: Option<String>,
}

/// As a row, or as SQLite's JSON array: in this order.
#[derive(sqlx::FromRow, Deserialize)]
pub(super) struct SignedInRow {
    #[sqlx(flatten)]
    session: SessionRow,
    #[sqlx(flatten)]
    user: UserRow,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        let parent_hash = row.parent_hash.as_deref().map(|bytes| row::hash(bytes, "sessions.parent_hash"));
        Ok(Self {
            id: SessionId(row.id),
            user_id: UserId(row.user_id),
            client_id: row::parse(&row.client_id, "sessions.client_id")?,
            scope: row::parse(&row.scope, "sessions.scope")?,
            audience: row::words(&row.audience),
            generation: row.generation,
            current_hash: row::hash(&row.current_hash, "sessions.current_hash")?,
            parent_hash: parent_hash.transpose()?,
            rotated_at: row.rotated_at,
            anchor: row.anchor_generation.zip(row.anchor_at).map(|(generation, at)| Anchor { generation, at }),
            created_at: row.created_at,
            auth_time: row.auth_time,
            last_used_at: row.last_used_at,
            idle_expires_at: row.idle_expires_at,
            expires_at: row.expires_at,
            revoked: row.revoked_at.map(|at| Revocation {
                at,
                reason: row.revoked_reason.as_deref().map_or(RevokedReason::Other, RevokedReason::from_stored),
            }),
            device: Device { name: row.device_name, user_agent: row.user_agent, ip: row.ip },
        })
    }
}

impl TryFrom<SignedInRow> for SignedIn {
    type Error = StoreError;

    fn try_from(row: SignedInRow) -> Result<Self, StoreError> {
        Ok(Self { session: row.session.try_into()?, user: row.user.try_into()? })
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let digits = <&str>::deserialize(deserializer)?;
    row::from_hex(digits).ok_or_else(|| serde::de::Error::custom("not bytes in hexadecimal"))
}

/// SQLite's `hex` of NULL is an empty text.
fn bytes_unless_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    bytes(deserializer).map(|bytes| Some(bytes).filter(|bytes| !bytes.is_empty()))
}
