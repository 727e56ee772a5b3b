//! What a server's start does to its database: migrations, the keys of the audit trail, the signing key.

use super::Error;
use super::key::{Begins, publish_key, seal_under_first};
use super::master_secrets::{load, or_none, require_theirs};
use crate::app::sealing_keys;
use crate::clock::UnixTime;
use crate::config::Config;
use crate::domain::StoredKey;
use crate::keys::MasterSecrets;
use crate::keys::trail::{self, audit_keys, is_stored};
use crate::store::{ActingStore, MigrationState, Store};

/// Applies the migrations that are missing, and answers how many those were. They begin the audit trail, so they take the master
/// secret, which must be the database's own.
pub(crate) async fn migrate(config: &Config, store: &Store) -> Result<usize, Error> {
    match store.migration_state().await? {
        MigrationState::Current | MigrationState::Ahead(_) => Ok(0),
        MigrationState::Behind(_) => {
            let secrets = load(config, store).await?;
            require_theirs(store, &secrets).await?;
            let stored = or_none(store.audit_keys().list().await)?;
            Ok(store.migrate(&sealing_keys(&secrets, &stored)).await?)
        }
    }
}

/// Makes a signing key of the configured algorithm unless there is one, and seals all under the first master secret.
///
/// The first key has always signed, so that no node's clock is too slow for it; one of another algorithm signs only after it has
/// been published for the lead time. Of several nodes that start at once, one makes the key.
pub(crate) async fn ensure_signing_key(
    config: &Config,
    store: &ActingStore,
    secrets: &MasterSecrets,
    now: UnixTime,
) -> Result<(), Error> {
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

/// Stores the keys of the audit trail, sealed under the first master secret: the trail can be verified when the master secrets are
/// gone that sealed it.
pub(crate) async fn store_audit_keys(store: &Store, secrets: &MasterSecrets) -> Result<(), Error> {
    let stored = store.audit_keys().list().await?;
    for key in audit_keys(secrets, &stored).iter().filter(|key| !is_stored(key, secrets, &stored)) {
        store.audit_keys().put(&trail::seal(key, secrets).map_err(Error::failed)?).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::audit::{Actor, AuditContext};

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

    async fn start(store: &Store, algorithm: &str, texts: &[&str]) -> Result<(), Error> {
        let store = store.by(AuditContext { actor: Actor::Server, at: NOW, request_context: None });
        ensure_signing_key(&config(algorithm), &store, &secrets(texts), NOW).await
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
}
