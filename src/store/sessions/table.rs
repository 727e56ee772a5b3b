//! The table's two types, and the statements that requests run.

use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use super::exchanges::{Exchanged, exchange_one};
use super::inserts::{DecidedOn, Insert, insert_one};
use super::rotations::Rotated;
use super::row::SignedIn;
use super::tokens::{SessionOfToken, TokenKey};
use crate::audit::{AuditEvent, EventKind};
use crate::domain::{Exchange, Rotation, Session, SessionId};
use crate::store::StoreError;
use crate::store::table::table;

table!(sessions: Sessions, ActingSessions);

impl Sessions<'_> {
    /// The session and its user.
    pub async fn find(self, id: SessionId) -> Result<Option<SignedIn>, StoreError> {
        self.store.lanes.reads.ask(id).await
    }

    /// The state of the access token with this `jti` of a session. The user's profile is read only if it is wanted.
    pub async fn find_of_token(
        self,
        session_id: SessionId,
        jti: Uuid,
        with_profile: bool,
    ) -> Result<Option<SessionOfToken>, StoreError> {
        self.store.lanes.tokens.ask(TokenKey { session_id, jti, with_profile }).await
    }

    /// Exchanges a refresh token if it is the current one of a living session, by one statement. `None` when
    /// anything of a [`Rotation`] doesn't hold.
    pub async fn rotate(self, rotation: Rotation) -> Result<Option<Rotated>, StoreError> {
        self.store.lanes.rotations.ask(rotation).await?.map(Rotated::try_from).transpose()
    }

    /// Exchanges a refresh token by compare-and-swap. False when the session isn't as it was judged, or when another
    /// exchange of it was stored at the same time.
    pub async fn exchange(self, id: SessionId, exchange: &Exchange) -> Result<bool, StoreError> {
        match self.store.lanes.exchanges.ask((id, exchange.clone())).await? {
            Exchanged::Stored => Ok(true),
            Exchanged::Overtaken => Ok(false),
            Exchanged::Held => Err(StoreError::Locked),
        }
    }

    /// As [`Sessions::exchange`], for an exchange that is worth an event.
    pub async fn exchange_and_record(
        self,
        id: SessionId,
        exchange: &Exchange,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        let exchange = (id, exchange.clone());
        let exchanged = exchange_one(&self.store.db, &self.store.audit, &exchange, event);
        let exchanged = self.store.lanes.lone_exchanges.pass(exchanged).await;
        exchanged.inspect_err(|error| self.store.db.condition.note_asked(error))
    }
}

impl ActingSessions<'_> {
    /// Stores a new session, unless what it was decided on has changed. Whether it was stored.
    pub async fn insert(self, session: &Session, decided_on: DecidedOn) -> Result<bool, StoreError> {
        let event =
            self.acting.event(EventKind::SignedIn).user(session.user_id).client(&session.client_id).session(session.id);
        let insert = Insert { session: session.clone(), decided_on, event };
        if self.insert_again(|| self.store.lanes.inserts.ask(insert.clone())).await? {
            return Ok(true);
        }
        // It may have been left out of its batch because of a lock; alone it waits for the lock.
        self.insert_again(|| self.store.lanes.lone_inserts.pass(insert_one(&self.store.db, &self.store.audit, &insert)))
            .await
    }

    /// Repeats the insert when its connection was lost. If the id exists then, the first try had stored the session:
    /// ids are random.
    async fn insert_again<F: Future<Output = Result<bool, StoreError>>>(
        self,
        insert: impl Fn() -> F,
    ) -> Result<bool, StoreError> {
        let is_again = AtomicBool::new(false);
        let inserted = self.store.db.again(|| async {
            let again = is_again.swap(true, Ordering::Relaxed);
            match insert().await {
                Err(StoreError::Exists) if again => Ok(true),
                inserted => inserted,
            }
        });
        inserted.await
    }
}
