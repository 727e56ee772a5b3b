//! The revocations that this process has acknowledged lately, to be put back when the database has lost them: a standby that
//! took over, without having been sent all that its primary had committed, or a backup that was restored.

pub(super) mod entries;

use std::collections::VecDeque;
use std::time::Duration;

use self::entries::{Entry, Revoked};
use super::engine::{Unit, sql, within};
use super::sessions::endings::{EndMany, end_many};
use super::{Store, StoreError, registry};
use crate::clock::UnixTime;
use crate::domain::RevokedReason;

/// How long the database may take to answer, so that a silent connection doesn't block the next try.
const ANSWER: Duration = Duration::from_secs(2);

/// How long it may take to end all sessions of a client, of which there may be hundreds of thousands.
const CLIENT_ENDED: Duration = Duration::from_mins(1);

/// After so many failures in a row the database is to blame, not the entries. The rest waits for the next run.
const FAILURES: usize = 4;

/// Revocations that a database may have lost, and how far they have been put back. The newest come first: they are the ones
/// that a standby has not been sent.
#[derive(Debug, Default)]
pub struct Restoration {
    left: VecDeque<Entry>,
    restored: u64,
}

impl Restoration {
    /// How many may have to be put back yet.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// How many the database had lost, as far as is known.
    pub fn restored(&self) -> u64 {
        self.restored
    }
}

/// Another one since a standby was promoted or a backup restored; a standby has none yet.
const TIMELINE: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL \
     ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END";

const SESSION: EndMany = end_many!("id = $1");

/// Sessions that began later are unaffected.
const USER: EndMany = end_many!("user_id = $1 AND created_at <= $2");

const CLIENT: EndMany = end_many!("client_id = $1 AND created_at <= $2");

const CLIENT_TOKENS: &str =
    "UPDATE clients SET tokens_revoked_at = $2, version = version + 1 WHERE id = $1 AND tokens_revoked_at < $2";

const TOKEN: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING";

impl Store {
    /// Which of its timelines the database is on: another one after a failover or a restore, which may have lost commits.
    /// `None` where that can't be known: on SQLite, on a standby, without the right to ask, or when there is no answer in time.
    pub async fn timeline(&self) -> Option<String> {
        if self.is_embedded() {
            return None;
        }
        within(ANSWER, self.find_timeline()).await.ok()?
    }

    async fn find_timeline(&self) -> Result<Option<String>, StoreError> {
        Ok(sql!(self.db.read().await?, value Option<String>, TIMELINE)?.flatten())
    }

    /// Remembers a revocation that has just been committed. Nothing can take SQLite over.
    pub(super) fn note_revoked(&self, what: Revoked, reason: RevokedReason, at: UnixTime) {
        if !self.is_embedded() {
            self.journal.note(Entry { what, reason, at });
        }
    }

    /// All that this process has acknowledged lately, to be put back by [`Store::restore_revocations`].
    pub fn acknowledged_revocations(&self) -> Restoration {
        Restoration { left: self.journal.newest_first(), restored: 0 }
    }

    /// Puts revocations back, those that are left. What can't be put back is left for the next time, after all the others;
    /// the error is the last one's.
    pub async fn restore_revocations(&self, restoration: &mut Restoration) -> Result<(), StoreError> {
        let (mut outcome, mut failures) = (Ok(()), 0);
        for _ in 0..restoration.left.len() {
            let Some(entry) = restoration.left.pop_front() else { break };
            match self.put_back(&entry).await {
                Ok(rows) => {
                    restoration.restored += rows;
                    failures = 0;
                }
                Err(error) => {
                    restoration.left.push_back(entry);
                    outcome = Err(error);
                    failures += 1;
                }
            }
            if failures == FAILURES {
                break;
            }
        }
        outcome
    }

    async fn put_back(&self, entry: &Entry) -> Result<u64, StoreError> {
        // A database that begins a transaction isn't silent, so it may take longer for the rest.
        let mut unit = within(ANSWER, self.db.begin()).await?;
        let limit = if matches!(entry.what, Revoked::Client { .. }) { CLIENT_ENDED } else { ANSWER };
        within(limit, async {
            let rows = restore(&mut unit, entry).await?;
            if rows > 0 {
                unit.commit().await?;
            }
            Ok(rows)
        })
        .await
    }
}

async fn restore(unit: &mut Unit, Entry { what, reason, at }: &Entry) -> Result<u64, StoreError> {
    let reason = reason.as_str();
    let [session, user, client] = [SESSION, USER, CLIENT].map(|statement| statement.text(&unit.handle()));
    match what {
        Revoked::Session(id) => sql!(unit, execute, session, id.0, *at, reason),
        Revoked::User(id) => sql!(unit, execute, user, id.0, *at, reason),
        Revoked::Token { jti, expires_at } => sql!(unit, execute, TOKEN, *jti, *expires_at),
        Revoked::Client { id, tokens_until } => {
            let tokens = sql!(unit, execute, CLIENT_TOKENS, id.as_str(), *tokens_until)?;
            let ended = sql!(unit, execute, client, id.as_str(), *at, reason)?;
            if tokens > 0 {
                registry::change(unit).await?;
            }
            Ok(ended + tokens)
        }
    }
}
