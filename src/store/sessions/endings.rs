//! Ends sessions. An ended session keeps its row, so that a token that is presented later still says why it is refused.

use uuid::Uuid;

use super::table::ActingSessions;
use crate::audit::{AuditEvent, EventKind};
use crate::clock::UnixTime;
use crate::domain::{ClientId, RevokedReason, RightsLost, SessionId, UserId};
use crate::store::StoreError;
use crate::store::engine::{Unit, from_row, sql};
use crate::store::journal::entries::Revoked;

from_row! {
    struct EndedRow {
        user_id: Uuid,
        client_id: String,
    }
}

/// Ends the sessions that `$which` selects by $1, at $2 and for the reason $3, unless they have ended already.
macro_rules! end_sessions {
    ($($which:expr),*) => {
        concat!(
            "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE ",
            $($which,)*
            " AND revoked_at IS NULL"
        )
    };
}
pub(in crate::store) use end_sessions;

const END: &str = concat!(end_sessions!("id = $1"), " RETURNING user_id, client_id");

const END_OF_USER: &str = end_sessions!("user_id = $1");

const END_OF_CLIENT: &str = end_sessions!("client_id = $1");

/// The sessions of a client that have the word $4 in a column of words. `replace` compares case-sensitively on both engines, which
/// `LIKE` doesn't on SQLite.
macro_rules! end_with_word {
    ($column:literal) => {
        end_sessions!(
            "client_id = $1 AND replace(' ' || ",
            $column,
            " || ' ', ' ' || $4 || ' ', '') <> ' ' || ",
            $column,
            " || ' '"
        )
    };
}

const END_WITH_SCOPE: &str = end_with_word!("scope");

const END_WITH_AUDIENCE: &str = end_with_word!("audience");

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
    sql!(unit, execute, END_OF_USER, id.0, now, reason.as_str())
}

pub(in crate::store) async fn end_of_client(
    unit: &mut Unit,
    id: &ClientId,
    reason: RevokedReason,
    now: UnixTime,
) -> Result<u64, StoreError> {
    sql!(unit, execute, END_OF_CLIENT, id.as_str(), now, reason.as_str())
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
        ended += sql!(unit, execute, statement, id.as_str(), now, reason.as_str(), word)?;
    }
    Ok(ended)
}
