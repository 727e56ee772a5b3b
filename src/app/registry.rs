//! Clients and signing keys in memory, under a lease. A node that can't confirm them in time answers 503 (docs/design.md#nothing-cached-that-can-lie).

mod browsers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use self::browsers::Browsers;
use crate::clock::{Seconds, UnixTime};
use crate::domain::{Client, ClientId};
use crate::keys::{KeyError, KeyRing, MasterSecrets, SigningKey};
use crate::store::{Store, StoreError, within};

/// How often the registry's version is read.
const POLL: Duration = Duration::from_secs(1);

/// How long a read may take.
const ANSWER: Duration = Duration::from_secs(2);

/// How many seconds the copy in memory may be used after a successful read. Within this time every node learns of a change or stops
/// serving, so a new key that starts to sign after it is known to all nodes.
pub const LEASE: Seconds = 5;

/// The registry's copy in memory.
#[derive(Debug)]
pub struct Registry {
    store: Store,
    secrets: MasterSecrets,
    issuer: String,
    copy: ArcSwap<Copy>,
    /// Held while the registry is read, so that an older reading never replaces a newer one.
    reading: Mutex<()>,
}

/// A snapshot, and when its reading began.
#[derive(Debug)]
struct Copy {
    snapshot: Arc<Snapshot>,
    read_at: Instant,
}

/// Clients and signing keys at one version of the registry.
#[derive(Debug)]
pub struct Snapshot {
    version: i64,
    clients: HashMap<ClientId, Arc<Client>>,
    /// The signing keys.
    pub keys: KeyRing,
    recovery_until: Option<UnixTime>,
    browsers: Browsers,
}

/// Why the registry can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signing key can't be opened.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Snapshot {
    /// The client of that id, if it exists and isn't disabled.
    pub fn client(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(id).filter(|client| client.disabled_at.is_none())
    }

    /// Every client that isn't disabled.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.values().map(Arc::as_ref).filter(|client| client.disabled_at.is_none())
    }

    /// The client whose cookies have that tag ([`cookie_tag()`](crate::domain::cookie_tag())), if it isn't disabled.
    pub fn client_of_tag(&self, tag: &str) -> Option<&Arc<Client>> {
        self.client(self.browsers.tags.get(tag)?.as_str())
    }

    /// Whether a client that isn't disabled lists `origin` as one of its own.
    pub fn has_origin(&self, origin: &str) -> bool {
        self.browsers.origins.contains(origin)
    }

    /// Whether a client that isn't disabled lists no origin, and so leaves it to the configuration.
    pub fn has_client_without_origins(&self) -> bool {
        self.browsers.has_client_without_origins
    }

    /// Whether the recovery window is open: refresh tokens that are ahead of a database that lost commits are accepted.
    pub fn recovery_is_open(&self, now: UnixTime) -> bool {
        self.recovery_until.is_some_and(|until| now < until)
    }
}

impl Registry {
    /// Reads the registry for the first time.
    pub async fn load(store: Store, secrets: MasterSecrets, issuer: &str) -> Result<Self, RegistryError> {
        let read_at = Instant::now();
        let snapshot = read(&store, &secrets, issuer).await?;
        let copy = ArcSwap::from_pointee(Copy { snapshot: Arc::new(snapshot), read_at });
        Ok(Self { store, secrets, issuer: issuer.to_owned(), copy, reading: Mutex::new(()) })
    }

    /// The copy, unless its lease has expired.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        let copy = self.copy.load();
        (copy.read_at.elapsed() < Duration::from_secs(LEASE.unsigned_abs())).then(|| Arc::clone(&copy.snapshot))
    }

    /// The copy, however old. Only for what grants no access, such as which origins may read an error.
    pub fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.copy.load().snapshot)
    }

    /// How old the copy is.
    pub fn age(&self) -> Duration {
        self.copy.load().read_at.elapsed()
    }

    /// Reads the version, and everything else when it has changed. The time limit releases the lock when a connection hangs, so
    /// that the next call can read over another one.
    pub async fn refresh(&self) -> Result<(), RegistryError> {
        within(ANSWER, self.read_again()).await
    }

    /// The lease counts from before the first read.
    async fn read_again(&self) -> Result<(), RegistryError> {
        let _turn = self.reading.lock().await;
        let read_at = Instant::now();
        let state = self.store.registry().state().await?;
        let known = Arc::clone(&self.copy.load().snapshot);
        let snapshot = if state.version == known.version {
            known
        } else {
            Arc::new(read(&self.store, &self.secrets, &self.issuer).await?)
        };
        self.copy.store(Arc::new(Copy { snapshot, read_at }));
        Ok(())
    }

    /// Keeps the copy current, for ever. A failure is logged when it begins and when it ends.
    pub async fn poll(&self) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            let outcome = self.refresh().await;
            match &outcome {
                Ok(()) if failing => tracing::info!("the registry can be read again"),
                Err(error) if !failing => tracing::error!(%error, "the registry can't be read"),
                _ => {}
            }
            failing = outcome.is_err();
        }
    }
}

/// Reads the version first: a change in between is read again at the next poll.
async fn read(store: &Store, secrets: &MasterSecrets, issuer: &str) -> Result<Snapshot, RegistryError> {
    let state = store.registry().state().await?;
    let clients: HashMap<_, _> =
        store.clients().list().await?.into_iter().map(|client| (client.id.clone(), Arc::new(client))).collect();
    let stored = store.signing_keys().list().await?;
    let keys: Result<Vec<_>, _> = stored.iter().map(|key| SigningKey::open(key, secrets)).collect();
    Ok(Snapshot {
        version: state.version,
        browsers: Browsers::of(clients.values().map(Arc::as_ref), issuer),
        clients,
        keys: KeyRing::new(keys?),
        recovery_until: state.recovery_until,
    })
}
