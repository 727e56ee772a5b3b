//! A store with an acting party. Every change of a user, a client, a session or a key is a method of the tables that this type gives,
//! and not of those that [`Store`] gives, so a change that the audit trail would have to leave out doesn't compile:
//!
//! ```compile_fail,E0599
//! # async fn change(store: &tokend::store::Store, user: tokend::domain::UserId) {
//! store.users().enable(user).await;
//! # }
//! ```
//!
//! ```
//! # async fn change(store: &tokend::store::Store, by: tokend::audit::AuditContext, user: tokend::domain::UserId) {
//! store.by(by).users().enable(user).await;
//! # }
//! ```

use std::ops::Deref;

use super::Store;
use crate::audit::{AuditContext, AuditEvent, EventKind};

/// A store and the party whose changes are recorded. Its reads are those of [`Store`].
#[derive(Clone, Debug)]
pub struct ActingStore {
    store: Store,
    acting: AuditContext,
}

impl Store {
    /// The same store, whose changes are recorded as those of `acting`.
    #[must_use]
    pub fn by(&self, acting: AuditContext) -> ActingStore {
        ActingStore { store: self.clone(), acting }
    }
}

impl ActingStore {
    pub(super) fn event(&self, kind: EventKind) -> AuditEvent {
        self.acting.event(kind)
    }
}

impl Deref for ActingStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl From<ActingStore> for Store {
    fn from(acting: ActingStore) -> Self {
        acting.store
    }
}
