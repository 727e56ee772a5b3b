//! What an operator does, one file a thing. An act takes a typed request and answers with a view or a typed error. The rules about
//! users, clients, keys and sessions are here; reading arguments, asking for consent and printing are the command line's.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod client;
mod error;
pub(crate) mod explain;
pub(crate) mod first_start;
pub mod key;
pub(crate) mod master_secrets;
pub(crate) mod recovery;
pub(crate) mod session;
pub(crate) mod start;
#[cfg(test)]
mod tests;
pub(crate) mod user;
mod view;

use std::path::Path;
use std::sync::Arc;

pub(crate) use error::{Error, Thing};
pub(crate) use view::{Ended, Page};

use crate::app::{hasher, keep_audit};
use crate::audit::{Actor, AuditContext};
use crate::clock::{Clock, UnixTime};
use crate::config::Config;
use crate::password::{Hasher, PlainPassword, StoredHash};
use crate::store::audit_events::Keeping;
use crate::store::{ActingStore, Store};

/// What an act works with: who acts, on which database, at what time.
pub(crate) struct Admin {
    pub config: Arc<Config>,
    clock: Clock,
    store: ActingStore,
    hashing: Hashing,
}

/// Where passwords are hashed.
pub(crate) enum Hashing {
    /// By the threads of a server, after those who sign in.
    Pool(Hasher),
    /// On one thread, with the memory of one hash.
    Alone,
}

impl Admin {
    /// Acts on a server's own store.
    pub fn new(config: Arc<Config>, clock: Clock, store: ActingStore, hashing: Hashing) -> Self {
        Self { config, clock, store, hashing }
    }

    /// Acts for `actor` on a migrated database, in the audit chain that all commands share. Refuses a database that isn't sealed under
    /// the configured master secrets.
    pub async fn open(config: Config, clock: Clock, store: &Store, actor: Actor) -> Result<Self, Error> {
        let secrets = master_secrets::load(&config, store).await?;
        master_secrets::require_theirs(store, &secrets).await?;
        keep_audit(store, &secrets, Keeping { retention: config.audit.retention, shared: true }).await?;
        let store = store.by(AuditContext { actor, at: clock.now(), request_context: None });
        Ok(Self::new(Arc::new(config), clock, store, Hashing::Alone))
    }

    /// The present moment.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Copies the embedded database, as it is at one moment, into a file that isn't there yet.
    pub async fn copy_database(&self, file: &Path) -> Result<(), Error> {
        let copied = self.store.copy_to(file).await;
        copied.map_err(|error| Error::failed(format!("cannot back up to {}: {error}", file.display())))
    }

    async fn hash(&self, password: PlainPassword) -> Result<StoredHash, Error> {
        let hashed = match &self.hashing {
            Hashing::Pool(hasher) => hasher.hash(password).await,
            Hashing::Alone => hasher(&self.config, 1, 0).map_err(Error::failed)?.hash(password).await,
        };
        hashed.map_err(Error::failed)
    }
}
