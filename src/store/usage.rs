//! How busy the pools and lanes are at this moment. Doesn't ask the database.

use std::sync::Arc;

use sqlx::{Database, Pool};

use super::Store;
use super::engine::Pools;
use crate::metrics::{Connections, Lanes, PoolUse};

impl Store {
    /// The connections that all threads share.
    pub fn connections(&self) -> Connections {
        let pools = match &self.db.pools {
            Pools::Postgres(pool) => vec![of_pool("shared", pool)],
            Pools::Sqlite { writer, readers, .. } => vec![of_pool("writer", writer), of_pool("readers", readers)],
        };
        Connections { pools, waiting: self.db.condition.waiting() }
    }

    /// How many requests each statement of a lane carried.
    pub fn lanes(&self) -> &Arc<Lanes> {
        &self.lanes.group.sizes
    }
}

fn of_pool<D: Database>(name: &'static str, pool: &Pool<D>) -> PoolUse {
    let (open, idle) = (usize::try_from(pool.size()).unwrap_or(usize::MAX), pool.num_idle());
    let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(usize::MAX);
    PoolUse { name, used: open.saturating_sub(idle), idle, most }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_that_are_lent_and_statements_that_wait_are_counted() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open_sqlite(&home.path().join("tokend.db")).await.unwrap();
        let writer = |store: &Store| {
            let Connections { pools, waiting } = store.connections();
            let pool = pools.into_iter().find(|pool| pool.name == "writer").unwrap();
            (pool.used, pool.idle, pool.most, waiting)
        };
        // A connection is given back by a task.
        while writer(&store) != (0, 1, 1, 0) {
            tokio::task::yield_now().await;
        }
        let held = store.db.write().await.unwrap();
        assert_eq!(writer(&store), (1, 0, 1, 0));
        let waits = tokio::spawn({
            let store = store.clone();
            async move { store.db.write().await.map(drop) }
        });
        let gone = tokio::spawn({
            let store = store.clone();
            async move { store.db.begin().await.map(drop) }
        });
        while writer(&store).3 < 2 {
            tokio::task::yield_now().await;
        }
        gone.abort();
        gone.await.unwrap_err();
        assert_eq!(writer(&store), (1, 0, 1, 1), "a caller that went away doesn't wait");
        drop(held);
        waits.await.unwrap().unwrap();
        assert_eq!(writer(&store).3, 0);
    }
}
