//! The preconditions of the guarantees (docs/guarantees.md) that lie in the database. `check`, `migrate` and each start check them, and
//! a running server does so again and again, since an operator can change most of them at any time.

mod finding;
mod postgres;
mod sqlite;

pub use self::finding::Finding;
use super::engine::Pools;
use super::{StartError, Store, StoreError};

impl Store {
    /// Every finding. `connections`: how many this node may want. Tables that aren't there yet are left out.
    pub async fn findings(&self, connections: u32) -> Result<Vec<Finding>, StoreError> {
        match &self.db.pools {
            Pools::Postgres(_) => self.db.again(|| postgres::findings(self, connections)).await,
            Pools::Sqlite { .. } => sqlite::findings(self).await,
        }
    }

    /// Refuses a database on which a guarantee would be false; otherwise answers what to warn of.
    pub async fn require_preconditions(
        &self,
        connections: u32,
        unsafe_durability: bool,
    ) -> Result<Vec<Finding>, StartError> {
        let findings = self.findings(connections).await?;
        let (refused, warned): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| finding.is_refused(unsafe_durability));
        let refused: Vec<String> = refused.iter().map(Finding::to_string).collect();
        if refused.is_empty() { Ok(warned) } else { Err(StartError::Preconditions(refused.join("\n"))) }
    }
}
