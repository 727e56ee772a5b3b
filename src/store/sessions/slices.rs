//! What concerns all sessions, in slices of the primary key: no statement reads the whole table or holds its locks for long.

use std::time::Duration;

use uuid::Uuid;

use super::table::Sessions;
use crate::clock::UnixTime;
use crate::store::StoreError;
use crate::store::engine::{from_row, sql, within};

const SLICE_END: &str = "SELECT id FROM sessions WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";

const PURGE: &str = "DELETE FROM sessions WHERE id > $2 AND id <= $3 \
     AND (revoked_at <= $1 OR idle_expires_at <= $1 OR expires_at <= $1)";

/// How many rows a purge reads at once.
const PURGED: i64 = 1_000;

/// How long a slice of a purge may take. A connection that fell silent must not hold up the next slice.
const SLICE_PURGED: Duration = Duration::from_mins(1);

/// A refresh token is made with the master secret in use whenever it rotates, so `rotated_at` says which one made the current token.
const COUNT: &str = "SELECT COUNT(*) AS live, COUNT(CASE WHEN rotated_at <= $3 THEN 1 END) AS of_old_secrets FROM sessions \
     WHERE id > $1 AND id <= $2 AND revoked_at IS NULL AND idle_expires_at > $4 AND expires_at > $4";

/// How many rows are counted at once.
const COUNTED: i64 = 10_000;

const OTHERS_USED_UNTIL: &str = "SELECT MAX(used_until) FROM audit_keys WHERE id <> $1";

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Sessions that have not ended.
    pub live: u64,
    /// Those of them whose refresh token may have been made with another master secret than the one in use.
    pub of_old_secrets: u64,
}

from_row! {
    struct SliceRow {
        live: i64,
        of_old_secrets: i64,
    }
}

impl Sessions<'_> {
    /// Counts the sessions that have not ended at `now`. `secret` is the id of the master secret in use.
    pub async fn count_all(self, secret: &[u8], now: UnixTime) -> Result<SessionCounts, StoreError> {
        let others = sql!(self.store.db.read().await?, value Option<i64>, OTHERS_USED_UNTIL, secret)?;
        // No session was refreshed before 1970.
        let old = others.flatten().unwrap_or(-1);
        let (mut counted, mut from) = (SessionCounts::default(), Some(Uuid::nil()));
        while let Some(after) = from {
            from = self.slice_end(after, COUNTED).await?;
            let end = from.unwrap_or(Uuid::max());
            if let Some(slice) = sql!(self.store.db.read().await?, optional SliceRow, COUNT, after, end, old, now)? {
                counted.live += slice.live.unsigned_abs();
                counted.of_old_secrets += slice.of_old_secrets.unsigned_abs();
            }
        }
        Ok(counted)
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
        let end = self.slice_end(after, PURGED).await?;
        let rows = sql!(self.store.db.write().await?, execute, PURGE, ended_before, after, end.unwrap_or(Uuid::max()))?;
        Ok((rows, end))
    }

    /// The last id of a slice of so many rows; `None` for the last slice.
    async fn slice_end(self, after: Uuid, rows: i64) -> Result<Option<Uuid>, StoreError> {
        sql!(self.store.db.read().await?, value Uuid, SLICE_END, after, rows - 1)
    }
}
