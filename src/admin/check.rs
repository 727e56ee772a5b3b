//! What a server would find in its database. Makes and changes nothing.

use super::client::rules::{self, is_for_first_party};
use super::{Error, master_secrets};
use crate::clock::UnixTime;
use crate::config::Config;
use crate::domain::{Client, StoredKey};
use crate::keys::{KeyRing, SigningKey};
use crate::store::Store;
pub(crate) use crate::store::{MigrationState, audit_events::TrailState};

/// One thing that was found, in the order in which they are looked at.
pub(crate) enum Found {
    /// The engine and its version.
    Engine(String),
    /// Something that is unusual, in words.
    Unusual(String),
    Migrations(MigrationState),
    Counts {
        users: i64,
        clients: i64,
        /// With those that ended lately.
        sessions: i64,
    },
    /// No master secret yet: the first start makes it.
    NoMasterSecret,
    Keys {
        number: usize,
        /// The `kid` and the algorithm of the key that signs.
        signer: Option<(String, String)>,
    },
    Trail(TrailState),
    Clients(Vec<Client>),
}

/// Looks at everything that the server would need, up to the first thing that it couldn't run with.
pub(crate) async fn database<E: From<Error>>(
    config: &Config,
    store: &Store,
    now: UnixTime,
    mut tell: impl FnMut(Found) -> Result<(), E>,
) -> Result<(), E> {
    tell(Found::Engine(store.engine().await.map_err(Error::from)?))?;
    let unsafe_durability = config.database_rules.unsafe_durability;
    let unusual = store.require_preconditions(config.postgres.max_connections, unsafe_durability).await;
    for finding in unusual.map_err(Error::from)? {
        tell(Found::Unusual(finding.to_string()))?;
    }
    let migrations = store.migration_state().await.map_err(Error::from)?;
    tell(Found::Migrations(migrations))?;
    if let MigrationState::Behind(_) = migrations {
        return tell(secrets(config, &[], now)?);
    }
    store.require_writable().await.map_err(Error::from)?;
    let counts = store.counts().await.map_err(Error::from)?;
    tell(Found::Counts { users: counts.users, clients: counts.clients, sessions: counts.sessions })?;
    tell(secrets(config, &store.signing_keys().list().await.map_err(Error::from)?, now)?)?;
    tell(Found::Trail(store.audit().state().await.map_err(Error::from)?))?;
    tell(Found::Clients(store.clients().list().await.map_err(Error::from)?))
}

/// The master secret, which must open every signing key.
pub(crate) fn secrets(config: &Config, stored: &[StoredKey], now: UnixTime) -> Result<Found, Error> {
    let Some(secrets) = master_secrets::existing(config, !stored.is_empty())? else {
        return Ok(Found::NoMasterSecret);
    };
    let keys = stored.iter().map(|key| SigningKey::open(key, &secrets)).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(Error::failed)?;
    let number = keys.len();
    let ring = KeyRing::new(keys);
    let signer = ring.signer(now).map(|key| (key.kid().to_owned(), key.algorithm().to_string()));
    Ok(Found::Keys { number, signer })
}

/// The clients that may handle passwords, which is for one's own apps only (RFC 9700 §2.4).
pub(crate) fn handling_passwords(clients: &[Client]) -> Vec<&str> {
    let handles = |client: &&Client| {
        client.disabled_at.is_none()
            && client.first_party
            && client.grants.iter().any(|grant| is_for_first_party(*grant))
    };
    clients.iter().filter(handles).map(|client| client.id.as_str()).collect()
}

/// What registrations seem to give and don't.
pub(crate) fn without_effect(clients: &[Client]) -> Vec<String> {
    let of = |client: &Client| {
        rules::without_effect(client).map(|what| format!("client {}: {what}", client.id)).collect::<Vec<_>>()
    };
    clients.iter().flat_map(of).collect()
}
