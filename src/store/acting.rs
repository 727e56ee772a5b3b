//! A store in somebody's hands. Every change of a user, a client, a session or a key is a method of this type and not of [`Store`], so
//! a change without an acting party, which the audit trail would have to leave out, doesn't compile:
//!
//! ```compile_fail,E0599
//! # async fn change(store: &tokend::store::Store, user: tokend::domain::UserId) {
//! store.enable_user(user).await;
//! # }
//! ```
//!
//! ```
//! # async fn change(store: &tokend::store::Store, by: tokend::audit::AuditContext, user: tokend::domain::UserId) {
//! store.by(by).enable_user(user).await;
//! # }
//! ```

use std::ops::Deref;

use super::Store;
use crate::audit::{AuditContext, AuditEvent, EventKind};

/// See the module. Reads are those of [`Store`].
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
    /// The event of a change.
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
