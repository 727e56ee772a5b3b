//! What `tokend check` reports about a database. Changes nothing.

use super::engine::{Pools, from_row, sql};
use super::{Store, StoreError};

from_row! {
    /// How much there is of everything.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Counts {
        /// Users, disabled ones too.
        pub users: i64,
        /// Clients, disabled ones too.
        pub clients: i64,
        /// Sessions, ended ones that are still kept too.
        pub sessions: i64,
    }
}

const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM clients) AS clients, \
     (SELECT COUNT(*) FROM sessions) AS sessions";

const VERSION_POSTGRES: &str = "SELECT current_setting('server_version')";

const VERSION_SQLITE: &str = "SELECT sqlite_version()";

const TOUCH: &str = "UPDATE registry SET version = version WHERE id = 1";

impl Store {
    /// The engine and its version, such as `PostgreSQL 17.2`.
    pub async fn engine(&self) -> Result<String, StoreError> {
        let (name, select) = match &self.db.pools {
            Pools::Postgres(_) => ("PostgreSQL", VERSION_POSTGRES),
            Pools::Sqlite { .. } => ("SQLite", VERSION_SQLITE),
        };
        let version = sql!(self.db.write().await?, value String, select)?;
        Ok(version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}")))
    }

    /// How much there is of everything.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let row = sql!(self.db.write().await?, optional Counts, COUNTS)?;
        row.ok_or(StoreError::Unreadable("number of rows"))
    }

    /// Fails when nothing can be written: a standby, a file or a table that this process may only read.
    pub async fn require_writable(&self) -> Result<(), StoreError> {
        // Dropping the transaction rolls it back.
        let mut unit = self.db.begin().await?;
        sql!(unit, execute, TOUCH)?;
        Ok(())
    }
}
