//! The statements that every refresh, introspection and sign-in runs, batched. Each is written twice, side by side, since
//! each engine has something better than one statement an item: `unnest` on PostgreSQL, a list of `VALUES` on SQLite.

mod exchanges;
mod inserts;
mod reads;
#[cfg(test)]
mod tests;

use self::exchanges::exchange_all;
pub(super) use self::inserts::insert_one;
use self::inserts::{Insert, insert_all};
pub(super) use self::reads::SessionKey;
use self::reads::{Found, find_all};
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
        let (reading, exchanging, inserting) = (db.clone(), db.clone(), db.clone());
        Self {
            reads: Batcher::start(lanes, move |keys| find_all(reading.clone(), keys)),
            exchanges: Batcher::start(lanes, move |exchanges| exchange_all(exchanging.clone(), exchanges)),
            inserts: Batcher::start(lanes, move |sessions| insert_all(inserting.clone(), sessions)),
        }
    }
}
