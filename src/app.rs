//! Everything that a request may use, built once. No globals.

mod registry;

use std::sync::Arc;

pub use registry::{LEASE, Registry, RegistryError, Snapshot};

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Client, RefreshPolicy};
use crate::keys::MasterSecrets;
use crate::password::{HashParameters, Hasher, StartError};
use crate::store::Store;
use crate::throttle::{AttemptKeys, Throttle};
use crate::token::access::VerifiedTokens;
use crate::token::device::DeviceKeys;
use crate::token::refresh::{RefreshKey, RefreshKeys};

/// The parts of a running server.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// What is kept.
    pub store: Store,
    /// Clients and signing keys, as of a moment ago.
    pub registry: Registry,
    /// What makes and believes refresh tokens.
    pub refresh_keys: RefreshKeys,
    /// What verifies access tokens.
    pub verified_tokens: VerifiedTokens,
    /// What hashes and verifies passwords.
    pub hasher: Hasher,
    /// Who failed too often lately; `None` where nobody is refused for it.
    pub throttle: Option<Throttle>,
    /// What accounts and devices are counted under.
    pub attempt_keys: AttemptKeys,
    /// What makes and believes device tokens.
    pub device_keys: DeviceKeys,
}

/// Why the parts don't come together. Said to the operator at start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Clients or signing keys can't be read.
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
        let registry = Registry::load(store.clone(), secrets, config.tokens.access_lifetime).await?;
        let parameters = HashParameters {
            memory_kib: config.passwords.memory_kib,
            iterations: config.passwords.iterations,
            parallelism: config.passwords.parallelism,
        };
        let hasher = Hasher::start(parameters, config.passwords.threads, config.passwords.queue)?;
        let verified_tokens = VerifiedTokens::new(config.issuer.as_str());
        let throttle = config.throttle.enabled.then(|| Throttle::new(config.throttle.limits.clone()));
        Ok(Arc::new(Self {
            config,
            clock,
            store,
            registry,
            refresh_keys,
            verified_tokens,
            hasher,
            throttle,
            attempt_keys,
            device_keys,
        }))
    }

    /// How a client's refresh tokens behave: what its registration leaves open, the configuration says.
    pub fn refresh_policy(&self, client: &Client) -> RefreshPolicy {
        let sessions = &self.config.sessions;
        RefreshPolicy {
            rotation: client.rotation,
            reuse_window: client.reuse_window.unwrap_or(sessions.reuse_window),
            recovery: client.recovery,
            idle_lifetime: client.idle_lifetime.unwrap_or(sessions.idle_lifetime),
            absolute_lifetime: client.absolute_lifetime.unwrap_or(sessions.absolute_lifetime),
        }
    }
}

fn refresh_keys(secrets: &MasterSecrets, issuer: &str) -> RefreshKeys {
    let (first, others) = secrets.refresh_keys(issuer);
    let key =
        |derived: &crate::keys::DerivedRefreshKey| RefreshKey::new(derived.key_id, &derived.tag_key, &derived.next_key);
    RefreshKeys::new(key(&first), others.iter().map(key).collect())
}
