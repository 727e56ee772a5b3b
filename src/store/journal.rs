//! The revocations that this process has acknowledged lately, to be put back when the database has lost them: a standby that
//! took over, without having been sent all that its primary had committed, or a backup that was restored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::db::{Db, Unit, sql};
use super::{Store, StoreError, registry};
use crate::clock::{Seconds, UnixTime};
use crate::domain::{ClientId, RevokedReason, SessionId, UserId};

/// How long a revocation is remembered, in seconds: no standby is further behind than that and still takes over.
const KEPT: Seconds = 3_600;

/// How many are remembered at most, some 100 bytes each. Older ones go first.
const CAPACITY: usize = 100_000;

/// What was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    Session(SessionId),
    User(UserId),
    /// With its tokens up to a second.
    Client {
        id: ClientId,
        tokens_until: UnixTime,
    },
    Token {
        jti: Uuid,
        expires_at: UnixTime,
    },
}

#[derive(Clone, Debug)]
struct Entry {
    what: Revoked,
    reason: RevokedReason,
    at: UnixTime,
}

/// See the module. Empty on SQLite, which nobody takes over.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal(Arc<Mutex<VecDeque<Entry>>>);

#[derive(sqlx::FromRow)]
struct TimelineRow {
    timeline: Option<String>,
}

/// Another one since a standby was promoted or a backup restored; a standby has none yet.
const TIMELINE: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL \
     ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline";

const SESSION: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL";

/// Whoever has signed in since has done so rightly.
const USER: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 \
     WHERE user_id = $1 AND revoked_at IS NULL AND created_at <= $2";

const CLIENT: &str = "UPDATE sessions SET revoked_at = $2, revoked_reason = $3 \
     WHERE client_id = $1 AND revoked_at IS NULL AND created_at <= $2";

const CLIENT_TOKENS: &str =
    "UPDATE clients SET tokens_revoked_at = $2, version = version + 1 WHERE id = $1 AND tokens_revoked_at < $2";

const TOKEN: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING";

impl Journal {
    /// Remembers what has just been committed.
    pub(super) fn note(&self, db: &Db, what: Revoked, reason: RevokedReason, at: UnixTime) {
        if matches!(db, Db::Sqlite { .. }) {
            return;
        }
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while entries.len() >= CAPACITY || entries.front().is_some_and(|oldest| oldest.at < at.saturating_sub(KEPT)) {
            entries.pop_front();
        }
        entries.push_back(Entry { what, reason, at });
    }

    fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Store {
    /// Which of its timelines the database is on: another one after a failover or a restore, which may have lost commits.
    /// `None` where that can't be known: on SQLite, on a standby, without the right to ask.
    pub async fn timeline(&self) -> Option<String> {
        if matches!(self.db, Db::Sqlite { .. }) {
            return None;
        }
        let mut connection = self.read().await.ok()?;
        sql!(connection, optional TimelineRow, TIMELINE).ok()??.timeline
    }

    /// Puts the revocations back that this process has acknowledged lately. How many the database had lost.
    pub async fn restore_revocations(&self) -> Result<u64, StoreError> {
        let mut restored = 0;
        for entry in self.journal.entries() {
            let mut unit = self.begin().await?;
            let rows = restore(&mut unit, &entry).await?;
            if rows > 0 {
                unit.commit().await?;
            }
            restored += rows;
        }
        Ok(restored)
    }
}

async fn restore(unit: &mut Unit, Entry { what, reason, at }: &Entry) -> Result<u64, StoreError> {
    let reason = reason.as_str();
    match what {
        Revoked::Session(id) => sql!(unit, execute, SESSION, id.0, *at, reason),
        Revoked::User(id) => sql!(unit, execute, USER, id.0, *at, reason),
        Revoked::Token { jti, expires_at } => sql!(unit, execute, TOKEN, *jti, *expires_at),
        Revoked::Client { id, tokens_until } => {
            let tokens = sql!(unit, execute, CLIENT_TOKENS, id.as_str(), *tokens_until)?;
            let ended = sql!(unit, execute, CLIENT, id.as_str(), *at, reason)?;
            if tokens > 0 {
                registry::change(unit).await?;
            }
            Ok(ended + tokens)
        }
    }
}
