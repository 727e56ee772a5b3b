//! Everything that a request may use, built once. No globals.

mod failover;
#[cfg(test)]
pub(crate) mod fixture;
mod gauges;
mod readiness;
mod refused_origins;
mod registry;
mod reminder;
mod tasks;
mod trail;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use refused_origins::RefusedOrigins;
pub use registry::{LEASE, Registry, RegistryError, Snapshot};
pub use reminder::Reminder;
pub use tasks::start_tasks;

use crate::audit::{Actor, AuditContext, AuditEvent, AuditKeys, EventKind, Repeats};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Client, RefreshPolicy, RequestContext, StoredAuditKey};
use crate::keys::MasterSecrets;
use crate::keys::trail::{audit_keys, id_in_use};
use crate::metrics::Metrics;
use crate::password::{Hasher, StartError};
use crate::store::audit_events::Keeping;
use crate::store::{Store, StoreError};
use crate::throttle::{AttemptKeys, Throttle};
use crate::token::access::VerifiedTokens;
use crate::token::device::DeviceKeys;
use crate::token::refresh::{RefreshKey, RefreshKeys};

/// The parts of a running server. Cheap to clone: what is counted or remembered is shared by all clones.
#[derive(Clone)]
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// What is kept.
    pub store: Store,
    /// Clients and signing keys, as of a moment ago.
    pub registry: Arc<Registry>,
    /// What makes and believes refresh tokens.
    pub refresh_keys: RefreshKeys,
    /// What verifies access tokens.
    pub verified_tokens: Arc<VerifiedTokens>,
    /// What hashes and verifies passwords.
    pub hasher: Hasher,
    /// Failures that the audit trail hasn't been told of yet.
    pub repeats: Arc<Repeats>,
    /// Who failed too often lately; `None` where nobody is refused for it.
    pub throttle: Option<Arc<Throttle>>,
    /// What accounts and devices are counted under.
    pub attempt_keys: AttemptKeys,
    /// What makes and believes device tokens.
    pub device_keys: DeviceKeys,
    /// What the database calls the master secret in use.
    secret_id: Arc<[u8]>,
    /// What has happened, in numbers.
    pub metrics: Arc<Metrics>,
    /// Whether the operator has been told of a proxy that isn't believed.
    pub warned_of_proxy: Arc<AtomicBool>,
    /// Reminds the operator of a gateway that names no audience.
    pub audience_reminder: Arc<Reminder>,
    /// Says when to warn again that the server is full.
    pub full_reminder: Arc<Reminder>,
    /// Whether the server is about to stop and other nodes should get its requests.
    pub draining: Arc<AtomicBool>,
    /// The origins whose pages were refused.
    pub refused_origins: Arc<RefusedOrigins>,
}

/// Why the parts don't come together. Said to the operator at start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Clients or keys can't be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The password threads can't be started.
    #[error(transparent)]
    Passwords(#[from] StartError),
}

impl App {
    /// Puts the parts together. The database must be migrated and hold a signing key.
    pub async fn build(
        config: Config,
        clock: Clock,
        store: Store,
        secrets: MasterSecrets,
    ) -> Result<Arc<Self>, BuildError> {
        let refresh_keys = refresh_keys(&secrets, config.issuer.as_str());
        let attempt_keys = AttemptKeys::new(&secrets.attempts_key());
        let device_keys = DeviceKeys::new(secrets.device_keys(config.issuer.as_str()).iter().map(|key| &**key));
        let keeping = Keeping { retention: config.audit.retention, shared: false };
        let secret_id = Arc::from(id_in_use(&secrets).unwrap_or_default());
        keep_audit(&store, &secrets, keeping).await.map_err(RegistryError::from)?;
        let registry = Registry::load(store.clone(), secrets, config.issuer.as_str()).await?;
        let hasher = hasher(&config, config.passwords.threads, config.passwords.niceness)?;
        let verified_tokens = Arc::new(VerifiedTokens::new(config.issuer.as_str()));
        let throttle = config.throttle.enabled.then(|| Arc::new(Throttle::new(config.throttle.limits.clone())));
        Ok(Arc::new(Self {
            config: Arc::new(config),
            clock,
            store,
            registry: Arc::new(registry),
            refresh_keys,
            verified_tokens,
            hasher,
            repeats: Arc::default(),
            throttle,
            attempt_keys,
            device_keys,
            secret_id,
            metrics: Arc::default(),
            warned_of_proxy: Arc::default(),
            audience_reminder: Arc::default(),
            full_reminder: Arc::default(),
            draining: Arc::default(),
            refused_origins: Arc::default(),
        }))
    }

    /// The same server for the requests of one more thread: its hot statements are run by the runtime that this is called on.
    pub fn on_this_thread(&self) -> Arc<Self> {
        Arc::new(Self { store: self.store.on_this_thread(), ..self.clone() })
    }

    /// Somebody who acts by a request, at this moment.
    pub fn acting(&self, actor: Actor, request_context: &RequestContext) -> AuditContext {
        AuditContext { actor, at: self.clock.now(), request_context: Some(request_context.clone()) }
    }

    /// Something that the server does by itself, at this moment.
    pub fn own_act(&self) -> AuditContext {
        AuditContext { actor: Actor::Server, at: self.clock.now(), request_context: None }
    }

    /// Tells the audit trail of a failure, unless the same has just been told: then it is counted. The answer doesn't hang on
    /// it: what can't be told now is in the log.
    pub async fn record_failure(&self, event: AuditEvent) {
        let Some(event) = self.repeats.note(event) else { return };
        if let Err(error) = self.store.audit().record(event).await {
            tracing::warn!(%error, "could not write a refused request to the audit trail");
        }
    }

    /// Tells the audit trail how often failures were repeated; with `all`, of those too that may be repeated yet.
    pub async fn record_repeats(&self, all: bool) {
        for event in self.repeats.due(self.clock.now(), all) {
            if let Err(error) = self.store.audit().record(event).await {
                tracing::warn!(%error, "could not write repeated refusals to the audit trail");
            }
        }
    }

    /// Deletes what the audit trail needn't keep any longer. How many events.
    pub async fn purge_audit(&self) -> Result<u64, StoreError> {
        let retention = self.config.audit.retention;
        if retention == 0 {
            return Ok(0);
        }
        let told = |purged| self.own_act().event(EventKind::AuditPurged).counting(purged);
        self.store.audit().purge(self.clock.now().saturating_sub(retention), told).await
    }

    /// How a client's refresh tokens behave: what its registration leaves open, the configuration says.
    pub fn refresh_policy(&self, client: &Client) -> RefreshPolicy {
        refresh_policy(&self.config, client)
    }
}

/// How a client's refresh tokens and sessions behave: what its registration says, and otherwise the configuration.
pub fn refresh_policy(config: &Config, client: &Client) -> RefreshPolicy {
    let sessions = &config.sessions;
    RefreshPolicy {
        rotation: client.rotation,
        reuse_window: client.reuse_window.unwrap_or(sessions.reuse_window),
        recovery: client.recovery,
        idle_lifetime: client.idle_lifetime.unwrap_or(sessions.idle_lifetime),
        absolute_lifetime: client.absolute_lifetime.unwrap_or(sessions.absolute_lifetime),
    }
}

/// Starts threads that hash passwords at the configured cost.
pub fn hasher(config: &Config, threads: usize, niceness: i32) -> Result<Hasher, StartError> {
    let passwords = &config.passwords;
    Hasher::start(passwords.hash, threads, passwords.queue, niceness)
}

/// Lets the store write the audit trail, and verify what keys sealed whose master secrets are gone.
pub async fn keep_audit(store: &Store, secrets: &MasterSecrets, keeping: Keeping) -> Result<(), StoreError> {
    store.audit().keep(sealing_keys(secrets, &store.audit_keys().list().await?), keeping);
    Ok(())
}

/// The keys that seal and verify the audit trail: those of the master secrets, and those that are stored.
pub fn sealing_keys(secrets: &MasterSecrets, stored: &[StoredAuditKey]) -> AuditKeys {
    AuditKeys::new(audit_keys(secrets, stored).iter().map(|key| &**key))
}

fn refresh_keys(secrets: &MasterSecrets, issuer: &str) -> RefreshKeys {
    let (first, others) = secrets.refresh_keys(issuer);
    let key =
        |derived: &crate::keys::DerivedRefreshKey| RefreshKey::new(derived.key_id, &derived.tag_key, &derived.next_key);
    RefreshKeys::new(key(&first), others.iter().map(key).collect())
}
