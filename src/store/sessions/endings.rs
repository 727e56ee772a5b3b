//! Ends sessions. An ended session keeps its row, so that a token that is presented later still says why it is refused.

use uuid::Uuid;

use super::table::ActingSessions;
use crate::audit::{AuditEvent, EventKind};
use crate::clock::UnixTime;
use crate::domain::{ClientId, RevokedReason, RightsLost, SessionId, UserId};
use crate::store::StoreError;
use crate::store::engine::{Handle, Unit, from_row, sql};
use crate::store::journal::entries::Revoked;

from_row! {
    struct EndedRow {
        user_id: Uuid,
        client_id: String,
    }
}

/// What every end of a session sets: $2 is when, $3 is why.
macro_rules! end {
    () => {
        "UPDATE sessions SET revoked_at = $2, revoked_reason = $3"
    };
}

/// The statement that ends many sessions, unless they have ended already.
///
/// On PostgreSQL it locks them in the order of their ids, as a batch of refreshes does. Two statements that meet wait in turn, and
/// not in a circle, which PostgreSQL would break by failing one of them. SQLite has one writer.
pub(in crate::store) struct EndMany {
    pub(in crate::store) postgres: &'static str,
    pub(in crate::store) sqlite: &'static str,
}

impl EndMany {
    pub(in crate::store) fn text(&self, on: &Handle<'_>) -> &'static str {
        match on {
            Handle::Postgres(_) => self.postgres,
            Handle::Sqlite(_) => self.sqlite,
        }
    }
}

/// Ends the sessions that `$which` selects by $1.
macro_rules! end_many {
    ($($which:expr),*) => {
        $crate::store::sessions::endings::EndMany {
            postgres: concat!(
                "WITH held AS MATERIALIZED (SELECT id FROM sessions WHERE ",
                $($which,)*
                " AND revoked_at IS NULL ORDER BY id FOR NO KEY UPDATE) ",
                $crate::store::sessions::endings::end!(),
                " FROM held WHERE sessions.id = held.id"
            ),
            sqlite: concat!($crate::store::sessions::endings::end!(), " WHERE ", $($which,)* " AND revoked_at IS NULL"),
        }
    };
}
pub(in crate::store) use {end, end_many};

const END: &str = concat!(end!(), " WHERE id = $1 AND revoked_at IS NULL RETURNING user_id, client_id");

const END_OF_USER: EndMany = end_many!("user_id = $1");

const END_OF_CLIENT: EndMany = end_many!("client_id = $1");

/// The sessions of a client that have the word $4 in a column of words. `replace` compares case-sensitively on both engines, which
/// `LIKE` doesn't on SQLite.
macro_rules! end_with_word {
    ($column:literal) => {
        end_many!(
            "client_id = $1 AND replace(' ' || ",
            $column,
            " || ' ', ' ' || $4 || ' ', '') <> ' ' || ",
            $column,
            " || ' '"
        )
    };
}

const END_WITH_SCOPE: EndMany = end_with_word!("scope");

const END_WITH_AUDIENCE: EndMany = end_with_word!("audience");

impl ActingSessions<'_> {
    /// Ends one session. How many ended: 0 when it was gone already.
    pub async fn revoke(self, id: SessionId, reason: RevokedReason, now: UnixTime) -> Result<u64, StoreError> {
        let number = self.store.db.again(|| self.end(id, reason, now)).await?;
        self.store.note_revoked(Revoked::Session(id), reason, now);
        Ok(number)
    }

    async fn end(self, id: SessionId, reason: RevokedReason, now: UnixTime) -> Result<u64, StoreError> {
        let mut unit = self.store.db.begin().await?;
        let ended = sql!(unit, optional EndedRow, END, id.0, now, reason.as_str())?;
        let Some(EndedRow { user_id, client_id }) = ended else { return Ok(0) };
        let event = self.event_of(1, reason).session(id).user(UserId(user_id));
        self.store.commit(unit, [AuditEvent { client_id: Some(client_id), ..event }]).await?;
        Ok(1)
    }

    /// Ends every session of a user. How many ended.
    pub async fn revoke_of_user(self, id: UserId, reason: RevokedReason, now: UnixTime) -> Result<u64, StoreError> {
        let ended = self.store.db.again(|| async move {
            let mut unit = self.store.db.begin().await?;
            let ended = end_of_user(&mut unit, id, reason, now).await?;
            self.store.commit(unit, (ended > 0).then(|| self.event_of(ended, reason).user(id))).await?;
            Ok(ended)
        });
        let ended = ended.await?;
        self.store.note_revoked(Revoked::User(id), reason, now);
        Ok(ended)
    }

    fn event_of(self, ended: u64, reason: RevokedReason) -> AuditEvent {
        let kind = match reason {
            RevokedReason::Logout => EventKind::SignedOut,
            RevokedReason::Reuse => EventKind::RefreshReused,
            _ => EventKind::SessionsRevoked,
        };
        self.acting.event(kind).counting(ended).because(reason.as_str())
    }
}

pub(in crate::store) async fn end_of_user(
    unit: &mut Unit,
    id: UserId,
    reason: RevokedReason,
    now: UnixTime,
) -> Result<u64, StoreError> {
    let statement = END_OF_USER.text(&unit.handle());
    sql!(unit, execute, statement, id.0, now, reason.as_str())
}

pub(in crate::store) async fn end_of_client(
    unit: &mut Unit,
    id: &ClientId,
    reason: RevokedReason,
    now: UnixTime,
) -> Result<u64, StoreError> {
    let statement = END_OF_CLIENT.text(&unit.handle());
    sql!(unit, execute, statement, id.as_str(), now, reason.as_str())
}

/// Ends the sessions of a client that rest on a right that it has lost.
pub(in crate::store) async fn end_without_right(
    unit: &mut Unit,
    id: &ClientId,
    lost: &RightsLost,
    now: UnixTime,
) -> Result<u64, StoreError> {
    let reason = RevokedReason::ClientChanged;
    let RightsLost::Part { scope, audience } = lost else { return end_of_client(unit, id, reason, now).await };
    let scopes = scope.iter().map(|word| (END_WITH_SCOPE, word));
    let audiences = audience.iter().map(|name| (END_WITH_AUDIENCE, name.as_str()));
    let mut ended = 0;
    for (statement, word) in scopes.chain(audiences) {
        let statement = statement.text(&unit.handle());
        ended += sql!(unit, execute, statement, id.as_str(), now, reason.as_str(), word)?;
    }
    Ok(ended)
}
