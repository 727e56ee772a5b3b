//! Events that come with no change, many at a time.

use super::log::AuditLog;
use crate::audit::AuditEvent;
use crate::store::engine::{Db, Statement, StoreError};

pub(in crate::store) struct Events {
    db: Db,
    audit: AuditLog,
}

impl Events {
    pub(in crate::store) fn new(db: &Db, audit: &AuditLog) -> Self {
        Self { db: db.clone(), audit: audit.clone() }
    }
}

impl Statement for Events {
    type Item = AuditEvent;
    type Outcome = ();

    async fn run(&mut self, events: &[AuditEvent]) -> Result<Vec<()>, StoreError> {
        let unit = self.db.begin().await?;
        let recorded = self.audit.commit(unit, events.iter().cloned()).await;
        recorded.inspect_err(|error| self.db.condition.note_final(error))?;
        Ok(vec![(); events.len()])
    }
}
