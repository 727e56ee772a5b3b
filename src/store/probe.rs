//! Probes whether sign-ins and revocations can be stored: one real commit, and statements that change nothing on every
//! table they write to. A database checks privileges and table locks even if a statement matches no row.

use super::engine::{Handle, Missing, Pools, Unfit, sql};
use super::{Store, StoreError};
use crate::random;

/// The same text on both engines.
const TOUCH: &str = "INSERT INTO sessions SELECT * FROM sessions WHERE 1 = 0; \
     UPDATE sessions SET current_hash = current_hash, revoked_at = revoked_at WHERE 1 = 0; \
     UPDATE users SET password_hash = password_hash WHERE 1 = 0; \
     UPDATE clients SET version = version WHERE 1 = 0; \
     UPDATE registry SET version = version WHERE 1 = 0; \
     INSERT INTO sign_in_attempts SELECT * FROM sign_in_attempts WHERE 1 = 0; \
     UPDATE sign_in_attempts SET last_at = last_at WHERE 1 = 0; \
     DELETE FROM sign_in_attempts WHERE 1 = 0; \
     INSERT INTO audit_events SELECT * FROM audit_events WHERE 1 = 0; \
     INSERT INTO audit_chains SELECT * FROM audit_chains WHERE 1 = 0; \
     UPDATE audit_chains SET seq = seq WHERE 1 = 0; \
     UPDATE audit_register SET writers = writers WHERE 1 = 0";

const INSERT: &str = "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, 0)";

const DELETE: &str = "DELETE FROM revoked_tokens WHERE jti = $1";

impl Store {
    /// Why nothing can be stored, as far as is known. Doesn't ask the database.
    pub fn unfit(&self) -> Option<Unfit> {
        self.db.condition.unfit()
    }

    /// Checks that the embedded database's files weren't replaced. While they are, every statement is refused. What is
    /// missing.
    pub async fn look_at_files(&self) -> Option<Missing> {
        let Pools::Sqlite { files, .. } = &self.db.pools else { return None };
        files.look(&self.db.condition).await
    }

    /// Whether anything failed since the last call, or a write failed and no probe has succeeded since.
    pub fn take_doubt(&self) -> bool {
        self.db.condition.take_doubt()
    }

    /// Stores something, as a sign-in and a revocation would, and records the outcome.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let probed = self.db.again(|| self.store_and_remove()).await;
        match &probed {
            Ok(()) => self.db.condition.trust(),
            Err(_) => self.db.condition.suspect(),
        }
        probed
    }

    /// Records that a probe got no answer.
    pub fn probe_is_overdue(&self) {
        self.db.condition.suspect();
    }

    /// Records whether a precondition of the guarantees fails.
    pub fn set_broken(&self, broken: bool) {
        self.db.condition.set_broken(broken);
    }

    /// No other transaction sees the row, but it has to reach the disk.
    async fn store_and_remove(&self) -> Result<(), StoreError> {
        let mut unit = self.db.begin().await?;
        match unit.handle() {
            Handle::Postgres(on) => sqlx::raw_sql(TOUCH).execute(on).await.map(drop),
            Handle::Sqlite(on) => sqlx::raw_sql(TOUCH).execute(on).await.map(drop),
        }?;
        let row = random::uuid();
        sql!(unit, execute, INSERT, row)?;
        sql!(unit, execute, DELETE, row)?;
        unit.commit().await
    }
}
