//! The `sign_in_attempts` table: which accounts and devices failed to sign in lately, for all nodes together. An attempt is
//! counted before its password is hashed, in one statement that decides too.

use super::StoreError;
use super::engine::{from_row, sql};
use super::table::table;
use crate::clock::UnixTime;
use crate::throttle::{AccountAttempts, AccountLimit, AttemptKey};

table!(sign_in_attempts: SignInAttempts);

/// How often to try again when a row was purged between the two statements.
const LOOKS: usize = 4;

from_row! {
    struct AttemptsRow {
        forgotten_at: i64,
        last_at: i64,
    }
}

/// How many failures are remembered: each keeps the row for another `longest` seconds, $3.
macro_rules! remembered {
    () => {
        "((a.forgotten_at - $2 + $3 - 1) / $3)"
    };
}

/// The rule is [`AccountLimit::admits`]: $4 failures are free, from $5 on the wait is the longest, $3; in between the first
/// wait, $6, is doubled by each.
const RESERVE: &str = concat!(
    "INSERT INTO sign_in_attempts AS a (key, forgotten_at, last_at) \
     VALUES ($1, CAST($2 AS BIGINT) + CAST($3 AS BIGINT), CAST($2 AS BIGINT)) \
     ON CONFLICT (key) DO UPDATE SET \
     forgotten_at = CASE WHEN a.forgotten_at > $2 THEN a.forgotten_at ELSE $2 END + $3, last_at = $2 \
     WHERE ",
    remembered!(),
    " < $4 OR $2 - a.last_at < -$3 OR $2 - a.last_at >= CASE WHEN ",
    remembered!(),
    " >= $5 THEN $3 ELSE CAST($6 AS BIGINT) << CAST(",
    remembered!(),
    " - $4 AS INTEGER) END"
);

const FIND: &str = "SELECT forgotten_at, last_at FROM sign_in_attempts WHERE key = $1";

/// The only one that is remembered.
const REFUND_LAST: &str = "DELETE FROM sign_in_attempts WHERE key = $1 AND forgotten_at - $3 <= $2";

const REFUND: &str = "UPDATE sign_in_attempts SET forgotten_at = forgotten_at - $2 WHERE key = $1";

const CLEAR: &str = "DELETE FROM sign_in_attempts WHERE key = $1";

const PURGE: &str = "DELETE FROM sign_in_attempts WHERE forgotten_at <= $1";

impl SignInAttempts<'_> {
    /// Counts an attempt if the limit admits it; otherwise the inner `Err` has the attempts so far.
    pub async fn reserve(
        self,
        key: &AttemptKey,
        limit: AccountLimit,
        now: UnixTime,
    ) -> Result<Result<(), AccountAttempts>, StoreError> {
        let (free, longest_from) = (i64::from(limit.free), limit.longest_from());
        // If an answer is lost, the attempt may be counted twice.
        let reserved = self.store.db.again(|| async {
            for _ in 0..LOOKS {
                let (mut on, key) = (self.store.db.write().await?, key.as_slice());
                if sql!(on, execute, RESERVE, key, now, limit.longest, free, longest_from, limit.delay)? == 1 {
                    return Ok(Ok(()));
                }
                if let Some(AttemptsRow { forgotten_at, last_at }) = sql!(on, optional AttemptsRow, FIND, key)? {
                    return Ok(Err(AccountAttempts { forgotten_at, last_at }));
                }
            }
            Err(StoreError::Overloaded)
        });
        reserved.await
    }

    /// Takes one attempt back: it was no failure.
    pub async fn refund(self, key: &AttemptKey, limit: AccountLimit, now: UnixTime) -> Result<(), StoreError> {
        let refunded = self.store.db.again(|| async {
            let mut connection = self.store.db.write().await?;
            if sql!(connection, execute, REFUND_LAST, key.as_slice(), now, limit.longest)? == 0 {
                sql!(connection, execute, REFUND, key.as_slice(), limit.longest)?;
            }
            Ok(())
        });
        refunded.await
    }

    /// Forgets every failure of one account or device.
    pub async fn clear(self, key: &AttemptKey) -> Result<(), StoreError> {
        let cleared =
            self.store.db.again(|| async { sql!(self.store.db.write().await?, execute, CLEAR, key.as_slice()) });
        cleared.await.map(drop)
    }

    /// Deletes rows that no longer limit anything. How many.
    pub async fn purge(self, now: UnixTime) -> Result<u64, StoreError> {
        self.store.db.again(|| async { sql!(self.store.db.write().await?, execute, PURGE, now) }).await
    }
}
