//! How many sessions there are, and how many of them a master secret is kept for. Counted now and then, never for a request.

use uuid::Uuid;

use super::StoreError;
use super::engine::{from_row, sql};
use super::sessions::Sessions;
use crate::clock::UnixTime;

/// In slices of the primary key, so that no statement reads the whole table. A refresh token is made with the master secret in use
/// whenever it rotates, so `rotated_at` says which one made the current token.
const COUNT: &str = "SELECT COUNT(*) AS live, COUNT(CASE WHEN rotated_at <= $3 THEN 1 END) AS of_old_secrets FROM sessions \
     WHERE id > $1 AND id <= $2 AND revoked_at IS NULL AND idle_expires_at > $4 AND expires_at > $4";

const SLICE_END: &str = "SELECT id FROM sessions WHERE id > $1 ORDER BY id LIMIT 1 OFFSET 9999";

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
            from = sql!(self.store.db.read().await?, value Uuid, SLICE_END, after)?;
            let end = from.unwrap_or(Uuid::max());
            if let Some(slice) = sql!(self.store.db.read().await?, optional SliceRow, COUNT, after, end, old, now)? {
                counted.live += slice.live.unsigned_abs();
                counted.of_old_secrets += slice.of_old_secrets.unsigned_abs();
            }
        }
        Ok(counted)
    }
}
