//! The columns of a session, and the one place where they are folded into the crate's words.

use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use crate::domain::{Anchor, Device, Revocation, RevokedReason, Session, SessionId, User, UserId};
use crate::store::column;
use crate::store::engine::{StoreError, from_row};
use crate::store::users::row::UserRow;

/// A session and its user, read in one.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Who signed in.
    pub user: User,
}

from_row! {
    /// As PostgreSQL's row, or as SQLite's JSON array with bytes in hexadecimal.
    #[derive(Deserialize)]
    struct SessionRow {
        id: Uuid as hex,
        client_id: String,
        scope: String,
        audience: String,
        generation: i64,
        #[serde(deserialize_with = "bytes")]
        current_hash: Vec<u8> as hex,
        #[serde(deserialize_with = "bytes_unless_empty")]
        parent_hash: Option<Vec<u8>> as hex,
        rotated_at: i64,
        anchor_generation: Option<i64>,
        anchor_at: Option<i64>,
        grant_type: String,
        amr: String,
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
    columns = session_columns;
    json = session_json;
}

pub(super) use {session_columns, session_json};

from_row! {
    /// As a row, or as SQLite's JSON array.
    #[derive(Deserialize)]
    pub(super) struct SignedInRow {
        ..session: SessionRow,
        ..user: UserRow,
    }
}

impl TryFrom<SignedInRow> for SignedIn {
    type Error = StoreError;

    fn try_from(row: SignedInRow) -> Result<Self, StoreError> {
        let user = User::try_from(row.user)?;
        Ok(Self { session: session(row.session, user.id)?, user })
    }
}

fn session(row: SessionRow, user_id: UserId) -> Result<Session, StoreError> {
    let parent_hash = row.parent_hash.as_deref().map(|bytes| column::hash(bytes, "sessions.parent_hash"));
    Ok(Session {
        id: SessionId(row.id),
        user_id,
        client_id: column::parse(&row.client_id, "sessions.client_id")?,
        scope: column::parse(&row.scope, "sessions.scope")?,
        audience: column::words(&row.audience),
        generation: row.generation,
        current_hash: column::hash(&row.current_hash, "sessions.current_hash")?,
        parent_hash: parent_hash.transpose()?,
        rotated_at: row.rotated_at,
        anchor: row.anchor_generation.zip(row.anchor_at).map(|(generation, at)| Anchor { generation, at }),
        grant_type: row.grant_type,
        amr: column::words(&row.amr),
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

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let digits = <&str>::deserialize(deserializer)?;
    column::from_hex(digits).ok_or_else(|| serde::de::Error::custom("not bytes in hexadecimal"))
}

/// SQLite's `hex` of NULL is an empty text.
fn bytes_unless_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    bytes(deserializer).map(|bytes| Some(bytes).filter(|bytes| !bytes.is_empty()))
}
