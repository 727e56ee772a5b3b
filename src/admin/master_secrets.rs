//! The master secrets of the configuration, which must be those that the database is sealed under.

use std::path::Path;

use super::Error;
use crate::config::{Config, SecretSource};
use crate::keys::{MasterSecrets, SigningKey, master_file};
use crate::store::{Store, StoreError};

/// The master secrets. In embedded mode a missing file is made, unless something is sealed under the one that is lost.
pub(crate) async fn load(config: &Config, store: &Store) -> Result<MasterSecrets, Error> {
    let has_keys = !or_none(store.signing_keys().list().await)?.is_empty();
    if let (None, SecretSource::File(path)) = (existing(config, has_keys)?, &config.master_secrets) {
        master_file::create(path).map_err(Error::failed)?;
    }
    existing(config, has_keys)?.ok_or_else(|| Error::failed("there is no master secret"))
}

/// The master secrets as they are; `None` where the first start makes them. `has_keys`: whether the database has signing
/// keys, which are sealed under a master secret.
pub(crate) fn existing(config: &Config, has_keys: bool) -> Result<Option<MasterSecrets>, Error> {
    match &config.master_secrets {
        SecretSource::Inline(texts) => MasterSecrets::new(texts).map(Some).map_err(Error::failed),
        SecretSource::File(path) if !path.exists() && has_keys => Err(lost(path)),
        SecretSource::File(path) if !path.exists() && config.embedded() => Ok(None),
        SecretSource::File(path) => master_file::load(path).map(Some).map_err(Error::failed),
    }
}

/// Refuses master secrets that don't open the database's signing keys. The servers would refuse everything that is sealed under them.
pub(crate) async fn require_theirs(store: &Store, secrets: &MasterSecrets) -> Result<(), Error> {
    for key in or_none(store.signing_keys().list().await)? {
        SigningKey::open(&key, secrets).map_err(Error::failed)?;
    }
    Ok(())
}

/// Before the first migration there is no table.
pub(super) fn or_none<T>(rows: Result<Vec<T>, StoreError>) -> Result<Vec<T>, StoreError> {
    match rows {
        Err(error) if error.is_of_missing_table() => Ok(Vec::new()),
        rows => rows,
    }
}

fn lost(path: &Path) -> Error {
    Error::failed(format!(
        "the master secret {} is missing, and the database's signing keys are sealed under it: put the file back, \
         or set TOKEND_SECRET to the secret in it",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_on_a_lost_master_secret_can_be_followed() {
        let said = lost(Path::new("data/master.secret")).to_string();
        assert!(said.contains("put the file back, or set TOKEND_SECRET to the secret in it"), "{said}");
    }
}
