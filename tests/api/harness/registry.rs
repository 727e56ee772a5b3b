//! What an operator changes while the server runs; the server knows of it when these return.

use tokend::audit::{Actor, AuditContext};
use tokend::clock::UnixTime;
use tokend::domain::{Client, SigningAlgorithm, User, UserId};
use tokend::keys::SigningKey;
use tokend::oauth::audience;
use tokend::store::{ActingStore, StoreError};

use super::{START, TestServer, master_secrets};

/// The acting party of what is not the matter of a test.
pub fn operator() -> AuditContext {
    AuditContext { actor: Actor::Operator(0), at: START, request_context: None }
}

impl TestServer {
    /// The store as an operator changes it now, without an event: the trail is the server's alone.
    pub fn operator(&self) -> ActingStore {
        self.database.store.by(AuditContext { at: self.clock.now(), ..operator() })
    }

    pub async fn add_client(&self, client: Client) {
        self.operator().clients().insert(&client).await.expect("a client is added");
        self.app.registry.refresh().await.expect("the registry is read");
    }

    /// Changes a registration, as `tokend client update` does.
    pub async fn change_client(&self, id: &str, change: impl FnOnce(&mut Client)) {
        let clients = self.app.store.clients().list().await.expect("the store answers");
        let before = clients.into_iter().find(|client| client.id.as_str() == id).expect("the client is there");
        let mut after = before.clone();
        change(&mut after);
        let audience = audience::lost(&before, &after, &self.app.config);
        if before.own_tokens_outgrow(&after, &audience) {
            after.tokens_revoked_at = after.tokens_revoked_at.max(self.clock.now()).saturating_add(1);
        }
        let lost = before.rights_lost(&after, audience);
        let changed = self.operator().clients().update(&after, &lost, self.clock.now()).await;
        changed.expect("the store answers").expect("nobody else changes it");
        self.app.registry.refresh().await.expect("the registry is read");
    }

    pub async fn remove_client(&self, id: &str) {
        let id = id.parse().expect("a client id");
        assert!(self.operator().clients().remove(&id, self.clock.now()).await.expect("the store answers"));
        self.app.registry.refresh().await.expect("the registry is read");
    }

    /// Changes a user's address and claims, as `tokend user update` does.
    pub async fn change_user(&self, id: UserId, change: impl FnOnce(&mut User)) {
        let change = |user: &mut User| {
            change(user);
            Ok::<_, StoreError>(())
        };
        assert!(self.operator().users().update(id, change).await.expect("the store answers"));
    }

    /// Publishes a signing key that signs from a moment on. Its `kid`.
    pub async fn add_key(&self, algorithm: SigningAlgorithm, signs_from: UnixTime) -> String {
        let key = SigningKey::generate(algorithm, self.clock.now(), signs_from).expect("a key is made");
        let sealed = key.seal(&master_secrets()).expect("it is sealed");
        self.operator().signing_keys().insert(&sealed).await.expect("a key is added");
        self.app.registry.refresh().await.expect("the registry is read");
        key.kid().to_owned()
    }
}
