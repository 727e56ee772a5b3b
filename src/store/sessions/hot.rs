//! The statements that every refresh, introspection and sign-in runs, batched. Each is written twice, side by side, since
//! each engine has something better than one statement an item: `unnest` on PostgreSQL, a list of `VALUES` on SQLite.

mod exchanges;
mod inserts;
mod reads;
mod rotations;
#[cfg(test)]
mod tests;
mod tokens;

use std::sync::Arc;

use self::exchanges::Exchanges;
pub(super) use self::exchanges::{Exchanged, exchange_one};
use self::inserts::Inserts;
pub(super) use self::inserts::{Insert, insert_one};
use self::reads::FindSessions;
use self::rotations::{RotatedRow, Rotations};
use self::tokens::FindTokens;
pub(super) use self::tokens::TokenKey;
use super::{SessionOfToken, SignedIn};
use crate::audit::AuditEvent;
use crate::domain::{Exchange, Rotation, SessionId, Username};
use crate::metrics::{Lane, Lanes};
use crate::store::audit_events::{AuditLog, Events};
use crate::store::batch::{Batcher, Sizes};
use crate::store::db::Db;
use crate::store::gate::Gate;
use crate::store::kept::ReadLane;
use crate::store::revoked_tokens::{ClientToken, LivingTokens};
use crate::store::users::{CredentialsRow, FindCredentials};

/// How many batches of writes may be in flight on PostgreSQL: a second one, for while the first waits for somebody's lock.
/// Reads wait for nobody, and more of them at once would only be smaller. SQLite has one writer.
const POSTGRES_WRITES: usize = 2;

/// How many lanes that only read all threads share.
pub(in crate::store) const READ_LANES: u32 = 4;

/// How many lanes, and so connections, each thread has for itself.
pub(in crate::store) const OWN_LANES: u32 = 2;

/// The queues of the hot statements.
#[derive(Clone, Debug)]
pub(in crate::store) struct Hot {
    pub(super) reads: Batcher<SessionId, Option<SignedIn>>,
    pub(super) tokens: Batcher<TokenKey, Option<SessionOfToken>>,
    pub(in crate::store) client_tokens: Batcher<ClientToken, bool>,
    pub(super) exchanges: Batcher<(SessionId, Exchange), Exchanged>,
    pub(super) rotations: Batcher<Rotation, Option<RotatedRow>>,
    pub(super) inserts: Batcher<Insert, bool>,
    pub(in crate::store) events: Batcher<AuditEvent, ()>,
    pub(in crate::store) credentials: Batcher<Username, Option<CredentialsRow>>,
    /// For what goes by itself since it may have to wait for somebody's lock, in front of the connections that all share.
    pub(super) lone_inserts: Gate,
    pub(super) lone_exchanges: Gate,
    /// The connections of the lanes that are one thread's own.
    own: Option<Db>,
    /// What went out together, by all lanes of the process.
    pub(in crate::store) lanes: Arc<Lanes>,
}

impl Hot {
    /// Starts the queues of a database. Needs a tokio runtime.
    pub(in crate::store) fn start(db: &Db, audit: &AuditLog) -> Self {
        let writes = match db {
            Db::Postgres(_) => POSTGRES_WRITES,
            Db::Sqlite { .. } => 1,
        };
        let patience = db.patience();
        let lanes = Arc::new(Lanes::default());
        let sizes = |lane| Sizes { lanes: Arc::clone(&lanes), lane };
        Self {
            reads: Batcher::start(patience, &sizes(Lane::Sessions), [ReadLane::<FindSessions>::new(db)]),
            tokens: Batcher::start(patience, &sizes(Lane::Tokens), [ReadLane::<FindTokens>::new(db)]),
            client_tokens: Batcher::start(patience, &sizes(Lane::ClientTokens), [ReadLane::<LivingTokens>::new(db)]),
            exchanges: Batcher::start(patience, &sizes(Lane::Exchanges), (0..writes).map(|_| Exchanges::new(db))),
            rotations: Batcher::start(patience, &sizes(Lane::Rotations), [Rotations::new(db)]),
            inserts: Batcher::start(patience, &sizes(Lane::SignIns), [Inserts::new(db, audit)]),
            events: Batcher::start(patience, &sizes(Lane::Events), [Events::new(db, audit)]),
            credentials: Batcher::start(patience, &sizes(Lane::Credentials), [ReadLane::<FindCredentials>::new(db)]),
            lone_inserts: Gate::default(),
            lone_exchanges: Gate::default(),
            own: None,
            lanes,
        }
    }

    /// The same queues for one more thread, with lanes of its own for what says whether tokens live. Writes are shared, since
    /// together they are fewer: one wait for the disk carries the refreshes of all threads.
    pub(in crate::store) fn on_this_thread(&self, db: &Db) -> Self {
        let own = db.for_lanes(OWN_LANES);
        let patience = own.patience();
        let sizes = |lane| Sizes { lanes: Arc::clone(&self.lanes), lane };
        Self {
            tokens: Batcher::start(patience, &sizes(Lane::Tokens), [ReadLane::<FindTokens>::keeping(&own)]),
            client_tokens: Batcher::start(
                patience,
                &sizes(Lane::ClientTokens),
                [ReadLane::<LivingTokens>::keeping(&own)],
            ),
            own: Some(own),
            ..self.clone()
        }
    }

    /// Lets go of what is one thread's own, and answers nobody there any more.
    pub(in crate::store) async fn close_own(&self) {
        let Some(own) = &self.own else { return };
        self.tokens.close();
        self.client_tokens.close();
        own.close_lanes().await;
    }

    /// Lets go of the connections that are kept, and answers nobody any more.
    pub(in crate::store) fn close(&self) {
        self.reads.close();
        self.tokens.close();
        self.client_tokens.close();
        self.exchanges.close();
        self.rotations.close();
        self.inserts.close();
        self.events.close();
        self.credentials.close();
    }
}
