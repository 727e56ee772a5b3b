//! Reads the trail.

use uuid::Uuid;

use super::super::db::sql;
use super::super::from_row::from_row;
use super::super::{Store, StoreError};
use crate::audit::AuditEvent;
use crate::clock::UnixTime;
use crate::domain::{SessionId, UserId};

from_row! {
    /// An event as a row, with its number and its seal.
    pub(super) struct EventRow {
        pub(super) seq: i64,
        pub(super) at: i64,
        pub(super) kind: String,
        count: i64,
        reason: Option<String>,
        actor: String,
        user_id: Option<Uuid>,
        client_id: Option<String>,
        session_id: Option<Uuid>,
        jti: Option<Uuid>,
        pub(super) target: Option<String>,
        address: Option<String>,
        user_agent: Option<String>,
        request_id: Option<String>,
        pub(super) seal: Vec<u8>,
    }
    columns = event_columns;
}

impl From<EventRow> for AuditEvent {
    fn from(row: EventRow) -> Self {
        Self {
            at: row.at,
            kind: row.kind.into(),
            count: row.count,
            reason: row.reason,
            actor: row.actor,
            user_id: row.user_id.map(UserId),
            client_id: row.client_id,
            session_id: row.session_id.map(SessionId),
            jti: row.jti,
            target: row.target,
            address: row.address,
            user_agent: row.user_agent,
            request_id: row.request_id,
        }
    }
}

pub(super) use event_columns;

macro_rules! select_events {
    ($rest:literal) => {
        concat!("SELECT ", $crate::store::audit_events::read::event_columns!(), " FROM audit_events ", $rest)
    };
}
pub(super) use select_events;

/// Which events to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditFilter {
    /// All of them.
    #[default]
    All,
    /// Those that concern a user.
    User(UserId),
    /// Those that concern a session.
    Session(SessionId),
    /// Those that concern an access token.
    Token(Uuid),
}

const ALL: &str = select_events!("WHERE at >= $1 ORDER BY at DESC, writer, seq DESC LIMIT $2");
const OF_USER: &str = select_events!("WHERE user_id = $3 AND at >= $1 ORDER BY at DESC, writer, seq DESC LIMIT $2");
const OF_SESSION: &str =
    select_events!("WHERE session_id = $3 AND at >= $1 ORDER BY at DESC, writer, seq DESC LIMIT $2");
const OF_TOKEN: &str = select_events!("WHERE jti = $3 AND at >= $1 ORDER BY at DESC, writer, seq DESC LIMIT $2");

impl Store {
    /// Up to `limit` events from `since` on, the newest first.
    pub async fn list_events(
        &self,
        filter: AuditFilter,
        since: UnixTime,
        limit: i64,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        let rows = self.again(|| async {
            let mut connection = self.read().await?;
            match filter {
                AuditFilter::All => sql!(connection, all EventRow, ALL, since, limit),
                AuditFilter::User(id) => sql!(connection, all EventRow, OF_USER, since, limit, id.0),
                AuditFilter::Session(id) => sql!(connection, all EventRow, OF_SESSION, since, limit, id.0),
                AuditFilter::Token(jti) => sql!(connection, all EventRow, OF_TOKEN, since, limit, jti),
            }
        });
        Ok(rows.await?.into_iter().map(AuditEvent::from).collect())
    }
}
