//! The `audit_keys` table. Keys are sealed under the master secret before they get here.

use super::engine::{from_row, sql};
use super::{Store, StoreError};
use crate::domain::StoredAuditKey;

from_row! {
    struct AuditKeyRow {
        id: Vec<u8>,
        sealed: Vec<u8>,
    }
}

const LIST: &str = "SELECT id, sealed FROM audit_keys ORDER BY id";

const STORE: &str =
    "INSERT INTO audit_keys (id, sealed) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed";

impl Store {
    /// Every key that has sealed the audit trail.
    pub async fn list_audit_keys(&self) -> Result<Vec<StoredAuditKey>, StoreError> {
        let rows = self.again(|| async { sql!(self.read().await?, all AuditKeyRow, LIST) }).await?;
        Ok(rows.into_iter().map(|AuditKeyRow { id, sealed }| StoredAuditKey { id, sealed }).collect())
    }

    /// Stores a key, also in place of what another master secret sealed.
    pub async fn store_audit_key(&self, key: &StoredAuditKey) -> Result<(), StoreError> {
        sql!(self.write().await?, execute, STORE, &key.id, &key.sealed)?;
        Ok(())
    }
}
