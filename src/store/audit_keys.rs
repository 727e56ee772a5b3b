//! The `audit_keys` table. Keys are sealed under the master secret before they get here.

use super::StoreError;
use super::engine::{from_row, sql};
use super::table::table;
use crate::clock::UnixTime;
use crate::domain::StoredAuditKey;

table!(audit_keys: StoredAuditKeys);

from_row! {
    struct AuditKeyRow {
        id: Vec<u8>,
        sealed: Vec<u8>,
    }
}

const LIST: &str = "SELECT id, sealed FROM audit_keys ORDER BY id";

const STORE: &str =
    "INSERT INTO audit_keys (id, sealed) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed";

const NOTE_USE: &str =
    "UPDATE audit_keys SET used_until = $2 WHERE id = $1 AND (used_until IS NULL OR used_until < $2)";

impl StoredAuditKeys<'_> {
    /// Every key that has sealed the audit trail.
    pub async fn list(self) -> Result<Vec<StoredAuditKey>, StoreError> {
        let rows = self.store.db.again(|| async { sql!(self.store.db.read().await?, all AuditKeyRow, LIST) }).await?;
        Ok(rows.into_iter().map(|AuditKeyRow { id, sealed }| StoredAuditKey { id, sealed }).collect())
    }

    /// Stores a key, also in place of what another master secret sealed.
    pub async fn put(self, key: &StoredAuditKey) -> Result<(), StoreError> {
        sql!(self.store.db.write().await?, execute, STORE, &key.id, &key.sealed)?;
        Ok(())
    }

    /// Notes that the master secret with this id makes refresh tokens up to a moment that is still to come.
    pub async fn note_use(self, id: &[u8], until: UnixTime) -> Result<(), StoreError> {
        sql!(self.store.db.write().await?, execute, NOTE_USE, id, until).map(drop)
    }
}
