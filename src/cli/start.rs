//! From a configuration to a database that can be used: opened, migrated, with a master secret and a signing key.

use std::path::Path;

use super::failure::Failure;
use crate::app::{Begins, publish_key, sealing_keys};
use crate::audit::{Actor, AuditContext};
use crate::clock::UnixTime;
use crate::config::{Config, Database, SecretSource};
use crate::domain::StoredKey;
use crate::http::server::TlsFiles;
use crate::keys::trail::{self, audit_keys, is_stored};
use crate::keys::{MasterSecrets, SigningKey, master_file};
use crate::store::{Finding, MigrationState, PoolSize, StartError, Store, StoreError};

/// The files for TLS, if the server speaks it itself.
pub fn tls_files(config: &Config) -> Option<TlsFiles> {
    let tls = config.http.tls.as_ref()?;
    Some(TlsFiles { certificate: tls.certificate.clone(), key: tls.key.clone() })
}

/// Opens the configured database. Changes nothing in it.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    Ok(open_store_for(config, 0).await?.0)
}

/// For how many threads SQLite is read by connections of their own. Each is a thread of the driver's, with a cache.
const SQLITE_LANES: usize = 4;

/// As [`open_store`], with room for connections of their own for so many threads, and for how many there is room.
pub async fn open_store_for(config: &Config, threads: usize) -> Result<(Store, usize), StartError> {
    match &config.database {
        Database::Sqlite(path) => Ok((Store::open_sqlite(path).await?, threads.min(SQLITE_LANES))),
        Database::Postgres(url) => {
            let max_connections = config.postgres.max_connections;
            let pool = PoolSize { max_connections, acquire_timeout: config.postgres.acquire_timeout };
            let (pool, own) = pool.shared_by(threads);
            Ok((Store::open_postgres(url.reveal(), pool).await?, own))
        }
    }
}

/// Refuses a database on which a guarantee would be false; otherwise answers what to warn of.
pub async fn require_preconditions(config: &Config, store: &Store) -> Result<Vec<Finding>, StartError> {
    store.require_preconditions(config.postgres.max_connections, config.database_rules.unsafe_durability).await
}

/// Opens the database for a command that works on what is in it: the embedded one must be there and is migrated, PostgreSQL must
/// be.
pub async fn open_migrated(config: &Config) -> Result<Store, Failure> {
    if let Database::Sqlite(path) = &config.database
        && !path.exists()
    {
        return Err(no_database(path));
    }
    let store = open_store(config).await?;
    if store.is_embedded() {
        migrate(config, &store).await?;
    } else {
        store.require_current().await?;
    }
    Ok(store)
}

/// Applies the migrations that are missing. How many those were. They begin the audit trail, so they take the master secret, which
/// must be the database's own.
pub async fn migrate(config: &Config, store: &Store) -> Result<usize, Failure> {
    match store.migration_state().await? {
        MigrationState::Newer(version) => Err(StartError::Newer(version).into()),
        MigrationState::Current | MigrationState::Ahead(_) => Ok(0),
        MigrationState::Behind(_) => {
            let secrets = master_secrets(config, store).await?;
            require_theirs(store, &secrets).await?;
            let stored = or_none(store.audit_keys().list().await)?;
            Ok(store.migrate(&sealing_keys(&secrets, &stored)).await?)
        }
    }
}

/// Before the first migration there is no table.
fn or_none<T>(rows: Result<Vec<T>, StoreError>) -> Result<Vec<T>, StoreError> {
    match rows {
        Err(error) if error.is_of_missing_table() => Ok(Vec::new()),
        rows => rows,
    }
}

/// The master secrets. In embedded mode a missing file is made, unless something is sealed under the one that is lost.
pub async fn master_secrets(config: &Config, store: &Store) -> Result<MasterSecrets, Failure> {
    let has_keys = !or_none(store.signing_keys().list().await)?.is_empty();
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

/// An empty one that is made by the way would look like the server's, with nothing in it.
fn no_database(path: &Path) -> Failure {
    format!(
        "there is no database {} here: run this where the server runs and with its configuration (--config), or make the \
         database first, by `tokend migrate` or a start of the server",
        path.display()
    )
    .into()
}

/// Whether these master secrets are those of the database. The servers take what any other seals for a forgery.
pub async fn require_theirs(store: &Store, secrets: &MasterSecrets) -> Result<(), Failure> {
    for key in or_none(store.signing_keys().list().await)? {
        SigningKey::open(&key, secrets)?;
    }
    Ok(())
}

fn lost(path: &Path) -> Failure {
    format!(
        "the master secret {} is missing, and the database's signing keys are sealed under it: put the file back, \
         or set TOKEND_SECRET to the secret in it",
        path.display()
    )
    .into()
}

/// Sees to it that there is a signing key of the configured algorithm, and that the first master secret opens them all.
///
/// The first key has always signed, so that no node's clock is too slow for it; one of another algorithm signs only after it has
/// been published for the lead time. Of several nodes that start at once, one makes the key.
pub async fn ensure_signing_key(
    config: &Config,
    store: &Store,
    secrets: &MasterSecrets,
    now: UnixTime,
) -> Result<(), Failure> {
    let store = &store.by(AuditContext { actor: Actor::Server, at: now, request_context: None });
    for key in &store.signing_keys().list().await? {
        seal_under_first(store, key, secrets).await?;
    }
    let algorithm = config.tokens.signing_algorithm;
    let is_due = |keys: &[StoredKey]| {
        let newest = keys.iter().max_by_key(|key| (key.signs_from, key.created_at, key.kid.clone()));
        newest.is_none_or(|newest| newest.algorithm != algorithm).then_some(algorithm)
    };
    publish_key(store, secrets, now, Begins::After(config.tokens.key_lead_time), is_due).await?;
    Ok(())
}

/// Sees to it that the audit trail can be verified when the master secrets are gone that sealed it: their keys are stored, sealed
/// under the first.
pub async fn store_audit_keys(store: &Store, secrets: &MasterSecrets) -> Result<(), Failure> {
    let stored = store.audit_keys().list().await?;
    for key in audit_keys(secrets, &stored).iter().filter(|key| !is_stored(key, secrets, &stored)) {
        store.audit_keys().put(&trail::seal(key, secrets)?).await?;
    }
    Ok(())
}

/// Seals a key again that an older master secret sealed, so that the older one can be left out some day.
pub async fn seal_under_first(store: &Store, stored: &StoredKey, secrets: &MasterSecrets) -> Result<(), Failure> {
    let key = SigningKey::open(stored, secrets)?;
    if SigningKey::open(stored, &secrets.in_use()).is_err() {
        // Another node that starts may have been first; then there is nothing left to do.
        store.signing_keys().reseal(stored, &key.seal(secrets)?).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_800_000_000;
    const OLD: &str = "the-old-master-secret-of-these-tests";
    const NEW: &str = "the-new-master-secret-of-these-tests";

    async fn database(home: &Path) -> Store {
        let store = Store::open_sqlite(&home.join("tokend.db")).await.unwrap();
        store.migrate(&sealing_keys(&secrets(&[OLD]), &[])).await.unwrap();
        store
    }

    fn secrets(texts: &[&str]) -> MasterSecrets {
        MasterSecrets::parse(&texts.join("\n")).unwrap()
    }

    fn config(algorithm: &str) -> Config {
        Config::from_toml(&format!("[tokens]\nsigning_algorithm = '{algorithm}'")).unwrap()
    }

    async fn start(store: &Store, algorithm: &str, texts: &[&str]) -> Result<(), Failure> {
        ensure_signing_key(&config(algorithm), store, &secrets(texts), NOW).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nodes_that_start_at_once_make_one_key() {
        let home = tempfile::tempdir().unwrap();
        database(home.path()).await;
        for (algorithm, count) in [("ES256", 1), ("EdDSA", 2)] {
            let nodes: Vec<_> = (0..6)
                .map(|_| {
                    let path = home.path().to_owned();
                    tokio::spawn(async move {
                        let store = Store::open_sqlite(&path.join("tokend.db")).await.unwrap();
                        start(&store, algorithm, &[OLD]).await.unwrap();
                    })
                })
                .collect();
            for node in nodes {
                node.await.unwrap();
            }
            let keys = database(home.path()).await.signing_keys().list().await.unwrap();
            assert_eq!(keys.len(), count);
            assert_eq!(keys.first().unwrap().signs_from, 0, "no clock is too slow for the first");
        }
    }

    #[tokio::test]
    async fn the_old_master_secret_can_be_left_out_after_a_start_with_both() {
        let home = tempfile::tempdir().unwrap();
        let store = database(home.path()).await;
        start(&store, "EdDSA", &[OLD]).await.unwrap();
        let kid = store.signing_keys().list().await.unwrap().remove(0).kid;
        start(&store, "EdDSA", &[OLD, NEW]).await.unwrap();
        start(&store, "EdDSA", &[NEW]).await.unwrap_err();
        start(&store, "EdDSA", &[NEW, OLD]).await.unwrap();
        start(&store, "EdDSA", &[NEW]).await.unwrap();
        let keys = store.signing_keys().list().await.unwrap();
        assert_eq!(keys.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), [kid], "it is the same key");
    }

    #[test]
    fn the_advice_on_a_lost_master_secret_can_be_followed() {
        let said = lost(Path::new("data/master.secret")).to_string();
        assert!(said.contains("put the file back, or set TOKEND_SECRET to the secret in it"), "{said}");
    }
}
