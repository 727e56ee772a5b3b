//! The next signing key: when it begins to sign, and that no older key begins after it.

use crate::app::{LEASE, RegistryError};
use crate::clock::{Seconds, UnixTime};
use crate::domain::{SigningAlgorithm, StoredKey};
use crate::keys::{MasterSecrets, SigningKey};
use crate::store::ActingStore;

/// When a new key begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// After it has been published for this long, so that resource servers that cache the JWKS know it.
    After(Seconds),
    /// As soon as every node knows it: one that doesn't would refuse its tokens.
    Now,
}

/// What was done.
#[derive(Debug)]
pub struct Rotated {
    /// The new key.
    pub key: SigningKey,
    /// The `kid`s of those that had not begun to sign, and never will.
    pub replaced: Vec<String>,
}

/// Publishes a new key in place of all that haven't begun to sign. `is_due` looks at the stored keys and says whether one is
/// needed, and with which algorithm; `None` when it isn't. Of several nodes that do this at once each sees what the one before
/// has left.
pub async fn publish_key(
    store: &ActingStore,
    secrets: &MasterSecrets,
    now: UnixTime,
    begins: Begins,
    is_due: impl Fn(&[StoredKey]) -> Option<SigningAlgorithm>,
) -> Result<Option<Rotated>, RegistryError> {
    loop {
        // The version is read before what it stands for, so that a key that another node adds in between is noticed.
        let version = store.registry().state().await?.version;
        let stored = store.signing_keys().list().await?;
        let Some(algorithm) = is_due(&stored) else { return Ok(None) };
        let signs_from = match begins {
            // No node's clock is too slow for the first key.
            _ if stored.is_empty() => 0,
            Begins::After(lead_time) => now.saturating_add(lead_time),
            Begins::Now => now.saturating_add(LEASE),
        };
        let pending: Vec<&StoredKey> = stored.iter().filter(|key| key.signs_from > now).collect();
        let key = SigningKey::generate(algorithm, created_after(&pending, now), signs_from)?;
        if store.signing_keys().insert_at(version, &key.seal(secrets)?, now).await? {
            return Ok(Some(Rotated { key, replaced: pending.into_iter().map(|key| key.kid.clone()).collect() }));
        }
    }
}

/// Of keys with one moment the last one made signs, so it has to be made after those that it replaces.
fn created_after(replaced: &[&StoredKey], now: UnixTime) -> UnixTime {
    replaced.iter().map(|key| key.created_at.saturating_add(1)).fold(now, UnixTime::max)
}
