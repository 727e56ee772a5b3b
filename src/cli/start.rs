//! From a configuration to a database that can be used: opened, migrated, with a master secret and a signing key.

use std::path::Path;

use super::Failure;
use crate::clock::UnixTime;
use crate::config::{Config, Database, SecretSource};
use crate::domain::StoredKey;
use crate::keys::{MasterSecrets, SigningKey, master_file};
use crate::store::{PoolSize, Store};

/// Opens the configured database. Changes nothing in it.
pub async fn open_store(config: &Config) -> Result<Store, Failure> {
    Ok(match &config.database {
        Database::Sqlite(path) => Store::open_sqlite(path).await?,
        Database::Postgres(url) => {
            let max_connections = config.postgres.max_connections;
            let pool = PoolSize { max_connections, acquire_timeout: config.postgres.acquire_timeout };
            Store::open_postgres(url.reveal(), pool).await?
        }
    })
}

/// Opens the database for a command that works on what is in it: the embedded one is migrated, PostgreSQL must be.
pub async fn open_migrated(config: &Config) -> Result<Store, Failure> {
    let store = open_store(config).await?;
    if store.is_embedded() {
        store.migrate().await?;
    } else {
        store.require_current().await?;
    }
    Ok(store)
}

/// The master secrets. In embedded mode a missing file is made, unless something is sealed under the one that is lost.
pub async fn master_secrets(config: &Config, store: &Store) -> Result<MasterSecrets, Failure> {
    let has_keys = !store.list_signing_keys().await?.is_empty();
    if let (None, SecretSource::File(path)) = (existing_master_secrets(config, has_keys)?, &config.master_secrets) {
        master_file::create(path)?;
    }
    existing_master_secrets(config, has_keys)?.ok_or_else(|| "there is no master secret".into())
}

/// The master secrets as they are; `None` where the first start makes them. `has_keys`: whether the database has signing
/// keys, which are sealed under a master secret.
pub fn existing_master_secrets(config: &Config, has_keys: bool) -> Result<Option<MasterSecrets>, Failure> {
    match &config.master_secrets {
        SecretSource::Inline(texts) => Ok(Some(MasterSecrets::new(texts)?)),
        SecretSource::File(path) if !path.exists() && has_keys => Err(lost(path)),
        SecretSource::File(path) if !path.exists() && config.embedded() => Ok(None),
        SecretSource::File(path) => Ok(Some(master_file::load(path)?)),
    }
}

fn lost(path: &Path) -> Failure {
    format!(
        "the master secret {} is missing, and the database's signing keys are sealed under it: put the file back, \
         or set TOKEND_SECRET to what it held",
        path.display()
    )
    .into()
}

/// Sees to it that there is a signing key of the configured algorithm, and that the master secret opens them all.
///
/// The first key has always signed, so that no node's clock is too slow for it; one of another algorithm signs only after it has
/// been published for the lead time.
pub async fn ensure_signing_key(
    config: &Config,
    store: &Store,
    secrets: &MasterSecrets,
    now: UnixTime,
) -> Result<(), Failure> {
    let keys = store.list_signing_keys().await?;
    for key in &keys {
        SigningKey::open(key, secrets)?;
    }
    let newest = keys.iter().max_by_key(|key: &&StoredKey| key.signs_from);
    let algorithm = config.tokens.signing_algorithm;
    let signs_from = match newest {
        None => 0,
        Some(newest) if newest.algorithm != algorithm => now.saturating_add(config.tokens.key_lead_time),
        Some(_) => return Ok(()),
    };
    let key = SigningKey::generate(algorithm, now, signs_from)?;
    store.insert_signing_key(&key.seal(secrets)?).await?;
    Ok(())
}
