//! Lists and counts sessions, for operators.

use super::row::{SignedIn, SignedInRow, session_columns};
use super::table::Sessions;
use crate::clock::UnixTime;
use crate::domain::{ClientId, Session, UserId};
use crate::store::StoreError;
use crate::store::engine::sql;
use crate::store::users::row::{account_columns, profile_columns};

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

impl Sessions<'_> {
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
}
