//! Reads the trail.

use uuid::Uuid;

use super::row::{EventRow, select_events};
use super::trail::Audit;
use crate::audit::AuditEvent;
use crate::clock::UnixTime;
use crate::domain::{SessionId, UserId};
use crate::store::StoreError;
use crate::store::engine::sql;

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

impl Audit<'_> {
    /// Up to `limit` events from `since` on, the newest first.
    pub async fn list(self, filter: AuditFilter, since: UnixTime, limit: i64) -> Result<Vec<AuditEvent>, StoreError> {
        let rows = self.store.db.again(|| async {
            let mut connection = self.store.db.read().await?;
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
