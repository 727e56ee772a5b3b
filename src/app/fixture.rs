//! The parts of a server for unit tests, on a database of their own. Nothing listens.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tempfile::TempDir;

use super::App;
use crate::audit::{Actor, AuditContext, AuditKeys};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Client, PlainSecret, Profile, RequestContext, SigningAlgorithm, User, UserId};
use crate::keys::{MasterSecrets, SigningKey};
use crate::store::Store;

pub(crate) const NOW: i64 = 1_800_000_000;

const SECRET: &str = "a-master-secret-of-this-test-long-enough";

/// The parts with a signing key, `client`, and the user alice, who has no password. `toml` is more of the configuration.
pub(crate) async fn app(directory: &TempDir, toml: &str, client: &Client) -> (Arc<App>, User) {
    let toml = format!("secret = \"{SECRET}\"\n[passwords]\nmemory_kib = 8\nthreads = 1\n{toml}");
    let store = Store::open_sqlite(&directory.path().join("tokend.db")).await.unwrap();
    store.migrate(&AuditKeys::new([&[7; 32]])).await.unwrap();
    let secrets = MasterSecrets::new(&[PlainSecret::new(SECRET.to_owned())]).unwrap();
    let key = SigningKey::generate(SigningAlgorithm::Es256, NOW - 10, NOW - 10).unwrap().seal(&secrets).unwrap();
    let alice = User {
        id: UserId::generate(),
        username: "alice".parse().unwrap(),
        profile: Profile::default(),
        credentials_version: 1,
        created_at: NOW,
        disabled_at: None,
    };
    let operator = store.by(AuditContext { actor: Actor::Server, at: NOW, request_context: None });
    operator.signing_keys().insert(&key).await.unwrap();
    operator.clients().insert(client).await.unwrap();
    operator.users().insert(&alice, None).await.unwrap();
    let app = App::build(Config::from_toml(&toml).unwrap(), Clock::manual(NOW), store, secrets).await.unwrap();
    (app, alice)
}

/// A request from an address that ends in `host`.
pub(crate) fn request_from(host: u8) -> RequestContext {
    let address = IpAddr::V4(Ipv4Addr::new(203, 0, host, 1));
    RequestContext { request_id: "a-request".into(), address, peer: address, user_agent: None, route: "/token" }
}
