//! The statements that every refresh, introspection and sign-in runs, batched. Each has two texts, since each engine
//! has its own way to take many items: `unnest` on PostgreSQL, a list of `VALUES` on SQLite.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::audit_events::events::Events;
use super::audit_events::log::AuditLog;
use super::engine::{Batcher, Db, LaneGroup, LockWaitLimiter, Pools, ReadLane, THREAD_LANES};
use super::revoked_tokens::living::{ClientToken, LivingTokens};
use super::sessions::exchanges::{Exchanged, Exchanges};
use super::sessions::inserts::{Insert, Inserts};
use super::sessions::reads::FindSessions;
use super::sessions::rotations::{RotatedRow, Rotations};
use super::sessions::row::SignedIn;
use super::sessions::tokens::{FindTokens, SessionOfToken, TokenKey};
use super::users::credentials::{CredentialsRow, FindCredentials};
use crate::audit::AuditEvent;
use crate::domain::{Exchange, Rotation, SessionId, Username};
use crate::metrics::Lane;

/// How many batches of writes may be in flight on PostgreSQL: a second one, for while the first waits for somebody's lock.
/// Reads wait for nobody, and more of them at once would only be smaller. SQLite has one writer.
const POSTGRES_WRITES: usize = 2;

/// The queues of the hot statements.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    pub(super) reads: Batcher<SessionId, Option<SignedIn>>,
    pub(super) tokens: Batcher<TokenKey, Option<SessionOfToken>>,
    pub(super) client_tokens: Batcher<ClientToken, bool>,
    pub(super) exchanges: Batcher<(SessionId, Exchange), Exchanged>,
    pub(super) rotations: Batcher<Rotation, Option<RotatedRow>>,
    pub(super) inserts: Batcher<Insert, bool>,
    pub(super) events: Batcher<AuditEvent, ()>,
    pub(super) credentials: Batcher<Username, Option<CredentialsRow>>,
    /// Bounds the statements that run alone because they may wait for a lock, so that they don't use up the shared
    /// connections.
    pub(super) lone_inserts: LockWaitLimiter,
    pub(super) lone_exchanges: LockWaitLimiter,
    pub(super) group: LaneGroup,
    /// The lanes that are one thread's own, and their connections.
    own: Option<(LaneGroup, Db)>,
}

impl Lanes {
    /// Starts the queues of a database. Needs a tokio runtime.
    pub(super) fn start(db: &Db, audit: &AuditLog) -> Self {
        let writes = match db.pools {
            Pools::Postgres(_) => POSTGRES_WRITES,
            Pools::Sqlite { .. } => 1,
        };
        let group = LaneGroup::new(db.patience(), &Arc::default());
        Self {
            reads: group.start(Lane::Sessions, [ReadLane::<FindSessions>::new(db)]),
            tokens: group.start(Lane::Tokens, [ReadLane::<FindTokens>::new(db)]),
            client_tokens: group.start(Lane::ClientTokens, [ReadLane::<LivingTokens>::new(db)]),
            exchanges: group.start(Lane::Exchanges, (0..writes).map(|_| Exchanges::new(db))),
            rotations: group.start(Lane::Rotations, [Rotations::new(db)]),
            inserts: group.start(Lane::SignIns, [Inserts::new(db, audit)]),
            events: group.start(Lane::Events, [Events::new(db, audit)]),
            credentials: group.start(Lane::Credentials, [ReadLane::<FindCredentials>::new(db)]),
            lone_inserts: LockWaitLimiter::default(),
            lone_exchanges: LockWaitLimiter::default(),
            group,
            own: None,
        }
    }

    /// The same queues for one more thread, with lanes of its own for the state of tokens. Writes are shared, so that
    /// one commit carries the refreshes of all threads.
    pub(super) fn on_this_thread(&self, db: &Db) -> Self {
        let own = db.for_lanes(THREAD_LANES);
        let group = LaneGroup::new(own.patience(), &self.group.sizes);
        Self {
            tokens: group.start(Lane::Tokens, [ReadLane::<FindTokens>::new(&own)]),
            client_tokens: group.start(Lane::ClientTokens, [ReadLane::<LivingTokens>::new(&own)]),
            own: Some((group, own)),
            ..self.clone()
        }
    }

    /// Ends the lanes that are one thread's own, and closes their connections.
    pub(super) async fn close_own(&self) {
        let Some((group, db)) = &self.own else { return };
        group.close();
        db.close_lanes().await;
    }

    /// Ends all lanes, and lets go of the connections that they keep.
    pub(super) fn close(&self) {
        self.group.close();
        if let Some((group, _)) = &self.own {
            group.close();
        }
    }
}
