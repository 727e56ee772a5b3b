//! The keys that sign access tokens: made, rotated, sealed again, removed.

mod rotation;

use std::sync::Arc;

use serde::Serialize;

pub use self::rotation::{Begins, Rotated, publish_key};
use super::{Admin, Error, Thing, master_secrets};
use crate::app::{Registry, Snapshot};
use crate::clock::{UnixTime, date};
use crate::domain::{SigningAlgorithm, StoredKey};
use crate::keys::{KeyState, MasterSecrets, SigningKey};
use crate::store::Store;

/// A key as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct KeyView {
    pub kid: String,
    pub algorithm: String,
    pub created_at: UnixTime,
    pub signs_from: UnixTime,
    pub state: &'static str,
}

/// Every key, in the order in which they sign.
pub(crate) async fn list(admin: &Admin) -> Result<Vec<KeyView>, Error> {
    // A database that no server has run on has no keys, and perhaps no master secret yet.
    if admin.store.signing_keys().list().await?.is_empty() {
        return Ok(Vec::new());
    }
    let snapshot = snapshot(admin).await?;
    let view = |(key, state): (&SigningKey, KeyState)| KeyView {
        kid: key.kid().to_owned(),
        algorithm: key.algorithm().to_string(),
        created_at: key.created_at(),
        signs_from: key.begins_at(),
        state: state.as_str(),
    };
    Ok(snapshot.keys.states(admin.now()).into_iter().map(view).collect())
}

/// Publishes a new key, of the configured algorithm unless another is given. The others are sealed under the first master secret, so
/// that older secrets can be left out.
pub(crate) async fn rotate(
    admin: &Admin,
    algorithm: Option<SigningAlgorithm>,
    at_once: bool,
) -> Result<Rotated, Error> {
    let tokens = &admin.config.tokens;
    let secrets = master_secrets::load(&admin.config, &admin.store).await?;
    for key in &admin.store.signing_keys().list().await? {
        seal_under_first(&admin.store, key, &secrets).await?;
    }
    let algorithm = algorithm.unwrap_or(tokens.signing_algorithm);
    let begins = if at_once { Begins::Now } else { Begins::After(tokens.key_lead_time) };
    let rotated = publish_key(&admin.store, &secrets, admin.now(), begins, |_| Some(algorithm)).await?;
    rotated.ok_or_else(|| Error::failed("no key was made"))
}

/// The state of a key that may be removed: it isn't the one that signs.
pub(crate) async fn removable(admin: &Admin, kid: &str) -> Result<KeyState, Error> {
    let unknown = || Error::not_found(Thing::Key, kid);
    if !admin.store.signing_keys().list().await?.iter().any(|key| key.kid == kid) {
        return Err(unknown());
    }
    let snapshot = snapshot(admin).await?;
    let states = snapshot.keys.states(admin.now());
    match states.iter().find(|(key, _)| key.kid() == kid).ok_or_else(unknown)?.1 {
        KeyState::Signing => Err(still_signs(kid, &states)),
        state => Ok(state),
    }
}

/// Removes a key that doesn't sign; tokens that it signed are refused at once.
pub(crate) async fn remove(admin: &Admin, kid: &str) -> Result<(), Error> {
    removable(admin, kid).await?;
    if admin.store.signing_keys().remove(kid).await? { Ok(()) } else { Err(Error::not_found(Thing::Key, kid)) }
}

/// Seals a key again that an older master secret sealed, so that the older one can be left out some day.
pub(super) async fn seal_under_first(store: &Store, stored: &StoredKey, secrets: &MasterSecrets) -> Result<(), Error> {
    let key = SigningKey::open(stored, secrets).map_err(Error::failed)?;
    if SigningKey::open(stored, &secrets.in_use()).is_err() {
        // Another node that starts may have been first; then there is nothing left to do.
        store.signing_keys().reseal(stored, &key.seal(secrets).map_err(Error::failed)?).await?;
    }
    Ok(())
}

/// The keys as a server sees them.
async fn snapshot(admin: &Admin) -> Result<Arc<Snapshot>, Error> {
    let secrets = master_secrets::load(&admin.config, &admin.store).await?;
    let registry = Registry::load(admin.store.clone().into(), secrets, admin.config.issuer.as_str()).await?;
    registry.snapshot().ok_or_else(|| Error::failed("the database is too slow"))
}

/// Why the key can't be removed yet, and what to do about it.
fn still_signs(kid: &str, states: &[(&SigningKey, KeyState)]) -> Error {
    let pending = states.iter().filter(|(_, state)| *state == KeyState::Pending).map(|(key, _)| *key);
    Error::Conflict(match pending.min_by_key(|key| key.signs_from()) {
        Some(next) => {
            let from = date(next.signs_from());
            format!("key {kid} signs still; key {} signs from {from} on: try again then", next.kid())
        }
        None => format!("key {kid} signs: run `tokend key rotate` first"),
    })
}
