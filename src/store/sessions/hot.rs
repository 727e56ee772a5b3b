//! The statements that every refresh, introspection and sign-in runs, batched. Each is written twice, side by side, since
//! each engine has something better than one statement an item: `unnest` on PostgreSQL, a list of `VALUES` on SQLite.

mod exchanges;
mod inserts;
mod reads;
#[cfg(test)]
mod tests;

use self::exchanges::Exchanges;
pub(super) use self::exchanges::exchange_one;
use self::inserts::Inserts;
pub(super) use self::inserts::{Insert, insert_one};
pub(super) use self::reads::SessionKey;
use self::reads::{FindSessions, Found};
use crate::audit::AuditEvent;
use crate::domain::{Exchange, SessionId};
use crate::store::audit_events::{AuditLog, Events};
use crate::store::batch::Batcher;
use crate::store::db::Db;
use crate::store::kept::ReadLane;
use crate::store::revoked_tokens::{ClientToken, LivingTokens};

/// How many batches of writes may be in flight on PostgreSQL: a second one, for while the first waits for somebody's lock.
/// Reads wait for nobody, and more of them at once would only be smaller. SQLite has one writer.
const POSTGRES_WRITES: usize = 2;

/// The queues of the hot statements.
#[derive(Clone, Debug)]
pub(in crate::store) struct Hot {
    pub(super) reads: Batcher<SessionKey, Found>,
    pub(in crate::store) client_tokens: Batcher<ClientToken, bool>,
    pub(super) exchanges: Batcher<(SessionId, Exchange), bool>,
    pub(super) inserts: Batcher<Insert, bool>,
    pub(in crate::store) events: Batcher<AuditEvent, ()>,
}

impl Hot {
    /// Starts the queues of a database. Needs a tokio runtime.
    pub(in crate::store) fn start(db: &Db, audit: &AuditLog) -> Self {
        let writes = match db {
            Db::Postgres(_) => POSTGRES_WRITES,
            Db::Sqlite { .. } => 1,
        };
        Self {
            reads: Batcher::start([ReadLane::<FindSessions>::new(db)]),
            client_tokens: Batcher::start([ReadLane::<LivingTokens>::new(db)]),
            exchanges: Batcher::start((0..writes).map(|_| Exchanges::new(db))),
            inserts: Batcher::start((0..writes).map(|_| Inserts::new(db, audit))),
            events: Batcher::start([Events::new(db, audit)]),
        }
    }

    /// Lets go of the connections that are kept, and answers nobody any more.
    pub(in crate::store) fn close(&self) {
        self.reads.close();
        self.client_tokens.close();
        self.exchanges.close();
        self.inserts.close();
        self.events.close();
    }
}
