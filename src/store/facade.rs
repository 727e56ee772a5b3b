//! [`Store`]: one database with its lanes, its audit log and its journal. The tables are built on it; it knows none of them.

use std::path::Path;

use super::audit_events::log::AuditLog;
use super::engine::{CopyError, Db, PoolSize, Pools, StartError, StoreError, Unit};
use super::journal::entries::Journal;
use super::lanes::Lanes;
use crate::audit::AuditEvent;

/// Everything that is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) db: Db,
    pub(super) lanes: Lanes,
    pub(super) audit: AuditLog,
    pub(super) journal: Journal,
}

impl Store {
    /// Opens the embedded database, making the file (mode 0600) and its directory (mode 0700) when they aren't there.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StartError> {
        Db::open_sqlite(path).await.map(Self::new)
    }

    /// Opens the embedded database without changing anything. `None` if there is no file.
    pub async fn open_existing_sqlite(path: &Path) -> Result<Option<Self>, StartError> {
        Ok(Db::open_existing_sqlite(path).await?.map(Self::new))
    }

    /// Connects to PostgreSQL. `url` has libpq's format; no error shows its password.
    pub async fn open_postgres(url: &str, size: PoolSize) -> Result<Self, StartError> {
        Db::open_postgres(url, size).await.map(Self::new)
    }

    fn new(db: Db) -> Self {
        let audit = AuditLog::default();
        Self { lanes: Lanes::start(&db, &audit), db, audit, journal: Journal::default() }
    }

    /// The same store with lanes of its own for the state of access tokens, on the current runtime.
    #[must_use]
    pub fn on_this_thread(&self) -> Self {
        Self { lanes: self.lanes.on_this_thread(&self.db), ..self.clone() }
    }

    /// Closes the lanes and connections of [`Store::on_this_thread`], and none that are shared.
    pub async fn close_own(&self) {
        self.lanes.close_own().await;
    }

    /// Whether this is the embedded database.
    pub fn is_embedded(&self) -> bool {
        matches!(self.db.pools, Pools::Sqlite { .. })
    }

    /// Copies a snapshot of the embedded database into a new file.
    pub async fn copy_to(&self, file: &Path) -> Result<(), CopyError> {
        self.db.copy_to(file).await
    }

    /// Closes every connection after the statements in flight, for which it waits a bounded time.
    pub async fn close(&self) {
        self.lanes.close();
        self.db.close().await;
    }

    /// Commits a change together with its events.
    pub(super) async fn commit(
        &self,
        unit: Unit,
        events: impl IntoIterator<Item = AuditEvent>,
    ) -> Result<(), StoreError> {
        self.audit.commit(unit, events).await
    }
}
