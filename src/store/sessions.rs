//! The `sessions` table: one row a session, one compare-and-swap a refresh (docs/design.md#exchange).

pub(super) mod exchanges;
pub(super) mod inserts;
pub(super) mod reads;
pub(super) mod rotations;
pub(super) mod row;
pub(super) mod tokens;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use uuid::Uuid;

use self::exchanges::{Exchanged, exchange_one};
pub use self::inserts::DecidedOn;
use self::inserts::{Insert, insert_one};
pub use self::rotations::Rotated;
pub use self::row::SignedIn;
use self::row::{SignedInRow, session_columns};
pub use self::tokens::SessionOfToken;
use self::tokens::TokenKey;
use super::StoreError;
use super::engine::{Unit, from_row, sql, within};
use super::journal::entries::Revoked;
use super::table::table;
use super::users::row::{account_columns, profile_columns};
use crate::audit::{AuditEvent, EventKind};
use crate::clock::UnixTime;
use crate::domain::{ClientId, Exchange, RevokedReason, Rotation, Session, SessionId, UserId};

table!(
    /// The `sessions` table.
    sessions: Sessions, ActingSessions
);

/// Which sessions to list.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only this client's.
    pub client: Option<ClientId>,
    /// Ended ones too.
    pub ended: bool,
}

/// The sessions of a [`SessionFilter`], $1 to $3, at $4. A statement for each filter, so that each has its index.
macro_rules! filtered {
    ([$($select:expr),*], $rest:literal) => {
        [
            filtered!([$($select),*], "$1 IS NULL AND $2 IS NULL", $rest),
            filtered!([$($select),*], "s.user_id = $1 AND $2 IS NULL", $rest),
            filtered!([$($select),*], "$1 IS NULL AND s.client_id = $2", $rest),
            filtered!([$($select),*], "s.user_id = $1 AND s.client_id = $2", $rest),
        ]
    };
    ([$($select:expr),*], $which:literal, $rest:literal) => {
        concat!(
            $($select,)*
            " WHERE ",
            $which,
            " AND ($3 OR (s.revoked_at IS NULL AND s.idle_expires_at > $4 AND s.expires_at > $4))",
            $rest
        )
    };
}

impl SessionFilter {
    fn statement(&self, [all, of_user, of_client, of_both]: [&'static str; 4]) -> &'static str {
        match (&self.user, &self.client) {
            (None, None) => all,
            (Some(_), None) => of_user,
            (None, Some(_)) => of_client,
            (Some(_), Some(_)) => of_both,
        }
    }
}

from_row! {
    struct EndedRow {
        user_id: Uuid,
        client_id: String,
    }
}

const REVOKE: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL \
     RETURNING user_id, client_id";

const REVOKE_OF_USER: &str =
    "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE user_id = $1 AND revoked_at IS NULL";

const REVOKE_OF_CLIENT: &str =
    "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE client_id = $1 AND revoked_at IS NULL";

/// The sessions of a client that have the word $4 in a column of words. `replace` compares case-sensitively on both engines, which
/// `LIKE` doesn't on SQLite.
macro_rules! revoke_with {
    ($column:literal) => {
        concat!(
            "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE client_id = $1 AND revoked_at IS NULL \
             AND replace(' ' || ",
            $column,
            " || ' ', ' ' || $4 || ' ', '') <> ' ' || ",
            $column,
            " || ' '"
        )
    };
}

const REVOKE_WITH_SCOPE: &str = revoke_with!("scope");

const REVOKE_WITH_AUDIENCE: &str = revoke_with!("audience");

const LIST: [&str; 4] = filtered!(
    [
        "SELECT ",
        session_columns!("s."),
        ", ",
        account_columns!("u."),
        ", ",
        profile_columns!("u."),
        " FROM sessions s JOIN users u ON u.id = s.user_id"
    ],
    " ORDER BY s.created_at DESC, s.id LIMIT $5"
);

const COUNT: [&str; 4] = filtered!(["SELECT COUNT(*) FROM sessions s"], "");

/// In slices of the primary key, so that no statement reads the whole table or holds its locks for long.
const PURGE: &str = "DELETE FROM sessions WHERE id > $2 AND id <= $3 \
     AND (revoked_at <= $1 OR idle_expires_at <= $1 OR expires_at <= $1)";

/// How long a slice may take. Nobody waits for it, but the next slice has another connection than one that fell silent.
const SLICE_PURGED: Duration = Duration::from_mins(1);

const SLICE_END: &str = "SELECT id FROM sessions WHERE id > $1 ORDER BY id LIMIT 1 OFFSET 999";

impl Sessions<'_> {
    /// The session and its user.
    pub async fn find(self, id: SessionId) -> Result<Option<SignedIn>, StoreError> {
        self.store.lanes.reads.ask(id).await
    }

    /// What says whether the access token with this `jti` of a session lives. Its user comes with the profile only if that is wanted.
    pub async fn find_of_token(
        self,
        session_id: SessionId,
        jti: Uuid,
        with_profile: bool,
    ) -> Result<Option<SessionOfToken>, StoreError> {
        self.store.lanes.tokens.ask(TokenKey { session_id, jti, with_profile }).await
    }

    /// Exchanges a refresh token if it is the current one of a living session, by one statement. `None` when
    /// anything of a [`Rotation`] doesn't hold, or when the user is disabled.
    pub async fn rotate(self, rotation: Rotation) -> Result<Option<Rotated>, StoreError> {
        self.store.lanes.rotations.ask(rotation).await?.map(Rotated::try_from).transpose()
    }

    /// Exchanges a refresh token by compare-and-swap. False when the session isn't as it was judged, or when another
    /// exchange of it was stored at the same time.
    pub async fn exchange(self, id: SessionId, exchange: &Exchange) -> Result<bool, StoreError> {
        match self.store.lanes.exchanges.ask((id, exchange.clone())).await? {
            Exchanged::Stored => Ok(true),
            Exchanged::Overtaken => Ok(false),
            Exchanged::Held => Err(StoreError::Locked),
        }
    }

    /// As [`Sessions::exchange`], for an exchange that is worth an event.
    pub async fn exchange_and_record(
        self,
        id: SessionId,
        exchange: &Exchange,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        let exchange = (id, exchange.clone());
        let exchanged = exchange_one(&self.store.db, &self.store.audit, &exchange, event);
        self.store
            .lanes
            .lone_exchanges
            .pass(exchanged)
            .await
            .inspect_err(|error| self.store.db.condition.note_asked(error))
    }

    /// Up to `limit` sessions, the newest first.
    pub async fn list(self, filter: &SessionFilter, now: UnixTime, limit: i64) -> Result<Vec<Session>, StoreError> {
        let found = self.list_signed_in(filter, now, limit).await?;
        Ok(found.into_iter().map(|signed_in| signed_in.session).collect())
    }

    /// Up to `limit` sessions with their users, the newest first.
    pub async fn list_signed_in(
        self,
        filter: &SessionFilter,
        now: UnixTime,
        limit: i64,
    ) -> Result<Vec<SignedIn>, StoreError> {
        let (user, client) = (filter.user.map(|id| id.0), filter.client.as_ref().map(ClientId::as_str));
        let rows = self.store.db.again(|| async move {
            sql!(self.store.db.read().await?, all SignedInRow, filter.statement(LIST), user, client, filter.ended, now, limit)
        });
        rows.await?.into_iter().map(SignedIn::try_from).collect()
    }

    /// How many sessions there are.
    pub async fn count(self, filter: &SessionFilter, now: UnixTime) -> Result<u64, StoreError> {
        let (user, client) = (filter.user.map(|id| id.0), filter.client.as_ref().map(ClientId::as_str));
        let number = self.store.db.again(|| async move {
            sql!(self.store.db.read().await?, value i64, filter.statement(COUNT), user, client, filter.ended, now)
        });
        Ok(number.await?.unwrap_or(0).unsigned_abs())
    }

    /// Forgets the sessions that ended at `ended_before` or earlier. How many.
    pub async fn purge(self, ended_before: UnixTime) -> Result<u64, StoreError> {
        let (mut purged, mut from) = (0, Some(Uuid::nil()));
        while let Some(after) = from {
            let (rows, end) =
                within(SLICE_PURGED, self.store.db.again(|| self.purge_slice(after, ended_before))).await?;
            purged += rows;
            from = end;
        }
        Ok(purged)
    }

    /// How many there were after that id in a slice, and where it ended, unless it was the last.
    async fn purge_slice(self, after: Uuid, ended_before: UnixTime) -> Result<(u64, Option<Uuid>), StoreError> {
        let end = sql!(self.store.db.read().await?, value Uuid, SLICE_END, after)?;
        let rows = sql!(self.store.db.write().await?, execute, PURGE, ended_before, after, end.unwrap_or(Uuid::max()))?;
        Ok((rows, end))
    }
}

impl ActingSessions<'_> {
    /// Stores a new session, unless what it was decided on has changed. Whether it was stored.
    pub async fn insert(self, session: &Session, decided_on: DecidedOn) -> Result<bool, StoreError> {
        let event =
            self.acting.event(EventKind::SignedIn).user(session.user_id).client(&session.client_id).session(session.id);
        let insert = Insert { session: session.clone(), decided_on, event };
        if self.insert_again(|| self.store.lanes.inserts.ask(insert.clone())).await? {
            return Ok(true);
        }
        // Left out of its batch, it may have met somebody's lock; alone it waits for that.
        self.insert_again(|| self.store.lanes.lone_inserts.pass(insert_one(&self.store.db, &self.store.audit, &insert)))
            .await
    }

    /// Tries again on another connection. A session that was stored before its connection was lost exists now, and its random id
    /// is its own.
    async fn insert_again<F: Future<Output = Result<bool, StoreError>>>(
        self,
        insert: impl Fn() -> F,
    ) -> Result<bool, StoreError> {
        let is_again = AtomicBool::new(false);
        let inserted = self.store.db.again(|| async {
            let again = is_again.swap(true, Ordering::Relaxed);
            match insert().await {
                Err(StoreError::Exists) if again => Ok(true),
                inserted => inserted,
            }
        });
        inserted.await
    }

    /// Ends one session. How many ended: 0 when it was gone already.
    pub async fn revoke(self, id: SessionId, reason: RevokedReason, now: UnixTime) -> Result<u64, StoreError> {
        let number = self.store.db.again(|| self.end_session(id, reason, now)).await?;
        self.store.note_revoked(Revoked::Session(id), reason, now);
        Ok(number)
    }

    async fn end_session(self, id: SessionId, reason: RevokedReason, now: UnixTime) -> Result<u64, StoreError> {
        let mut unit = self.store.db.begin().await?;
        let ended = sql!(unit, optional EndedRow, REVOKE, id.0, now, reason.as_str())?;
        let number = u64::from(ended.is_some());
        self.end(unit, number, reason, |event| match ended {
            Some(EndedRow { user_id, client_id }) => {
                AuditEvent { client_id: Some(client_id), ..event.session(id).user(UserId(user_id)) }
            }
            None => event,
        })
        .await?;
        Ok(number)
    }

    /// Ends every session of a user. How many ended.
    pub async fn revoke_of_user(self, id: UserId, reason: RevokedReason, now: UnixTime) -> Result<u64, StoreError> {
        let ended = self.store.db.again(|| async move {
            let mut unit = self.store.db.begin().await?;
            let ended = revoke_of_user(&mut unit, id, reason, now).await?;
            self.end(unit, ended, reason, |event| event.user(id)).await?;
            Ok(ended)
        });
        let ended = ended.await?;
        self.store.note_revoked(Revoked::User(id), reason, now);
        Ok(ended)
    }

    /// Commits the end of sessions, and tells of it if there were any.
    async fn end(
        self,
        unit: Unit,
        ended: u64,
        reason: RevokedReason,
        of: impl FnOnce(AuditEvent) -> AuditEvent,
    ) -> Result<(), StoreError> {
        let kind = match reason {
            RevokedReason::Logout => EventKind::SignedOut,
            RevokedReason::Reuse => EventKind::RefreshReused,
            _ => EventKind::SessionsRevoked,
        };
        let event = of(self.acting.event(kind)).counting(ended).because(reason.as_str());
        self.store.commit(unit, (ended > 0).then_some(event)).await
    }
}

pub(super) async fn revoke_of_user(
    unit: &mut Unit,
    id: UserId,
    reason: RevokedReason,
    now: UnixTime,
) -> Result<u64, StoreError> {
    sql!(unit, execute, REVOKE_OF_USER, id.0, now, reason.as_str())
}

pub(super) async fn revoke_of_client(
    unit: &mut Unit,
    id: &ClientId,
    reason: RevokedReason,
    now: UnixTime,
) -> Result<u64, StoreError> {
    sql!(unit, execute, REVOKE_OF_CLIENT, id.as_str(), now, reason.as_str())
}

pub(super) async fn revoke_with_scope(
    unit: &mut Unit,
    id: &ClientId,
    word: &str,
    now: UnixTime,
) -> Result<u64, StoreError> {
    sql!(unit, execute, REVOKE_WITH_SCOPE, id.as_str(), now, RevokedReason::ClientChanged.as_str(), word)
}

pub(super) async fn revoke_with_audience(
    unit: &mut Unit,
    id: &ClientId,
    name: &str,
    now: UnixTime,
) -> Result<u64, StoreError> {
    sql!(unit, execute, REVOKE_WITH_AUDIENCE, id.as_str(), now, RevokedReason::ClientChanged.as_str(), name)
}
