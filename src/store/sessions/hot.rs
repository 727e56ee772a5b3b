//! The statements that every refresh, introspection and sign-in runs, batched. Each is written twice, side by side, since
//! each engine has something better than one statement an item: `unnest` on PostgreSQL, a list of `VALUES` on SQLite.

mod exchanges;
mod inserts;
mod reads;
#[cfg(test)]
mod tests;

use self::exchanges::Exchanges;
pub(super) use self::inserts::insert_one;
use self::inserts::{Insert, Inserts};
pub(super) use self::reads::SessionKey;
use self::reads::{Found, Reads};
use crate::domain::{Exchange, SessionId};
use crate::store::batch::Batcher;
use crate::store::db::Db;

/// How many batches of each kind may be in flight: one while the next one queues, and one more where the engine works on
/// two at once.
const POSTGRES_LANES: usize = 2;
const SQLITE_LANES: usize = 1;

/// The queues of the hot statements.
#[derive(Clone, Debug)]
pub(in crate::store) struct Hot {
    pub(super) reads: Batcher<SessionKey, Found>,
    pub(super) exchanges: Batcher<(SessionId, Exchange), bool>,
    pub(super) inserts: Batcher<Insert, bool>,
}

impl Hot {
    /// Starts the queues of a database. Needs a tokio runtime.
    pub(in crate::store) fn start(db: &Db) -> Self {
        let lanes = match db {
            Db::Postgres(_) => POSTGRES_LANES,
            Db::Sqlite { .. } => SQLITE_LANES,
        };
        Self {
            reads: Batcher::start((0..lanes).map(|_| Reads::new(db))),
            exchanges: Batcher::start((0..lanes).map(|_| Exchanges::new(db))),
            inserts: Batcher::start((0..lanes).map(|_| Inserts::new(db))),
        }
    }

    /// Lets go of the connections that are kept, and answers nobody any more.
    pub(in crate::store) fn close(&self) {
        self.reads.close();
        self.exchanges.close();
        self.inserts.close();
    }
}
