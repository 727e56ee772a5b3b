//! Which key signs after a rotation, and after another one before the first has taken effect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokend::admin::key::{Begins, Rotated, publish_key};
use tokend::app::LEASE;
use tokend::domain::SigningAlgorithm;
use tokend::store::audit_events::AuditFilter;

use crate::harness::{Engine, START, TestServer, master_secrets, on_both_databases};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

impl TestServer {
    /// Rotates as `tokend key rotate` does.
    async fn rotate(&self, begins: Begins) -> Rotated {
        let store = self.app.store.by(self.app.own_act());
        let algorithm = SigningAlgorithm::EdDsa;
        let rotated = publish_key(&store, &master_secrets(), self.clock.now(), begins, |_| Some(algorithm)).await;
        self.app.registry.refresh().await.unwrap();
        rotated.unwrap().expect("a key is made")
    }

    /// The key that signs at this moment.
    async fn signer(&self) -> String {
        let token = self.login().await.access_token();
        self.introspect(&token).await.active();
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
    }

    /// `key` signs now, and however long one waits.
    async fn signs_for_good(&self, key: &str) {
        for wait in [0, 1, LEASE, HOUR, DAY, 30 * DAY] {
            self.clock.advance(wait);
            assert_eq!(self.signer().await, key, "{} seconds after the start", self.clock.now() - START);
        }
    }

    fn replaced(&self) -> Vec<String> {
        let snapshot = self.app.registry.snapshot().unwrap();
        let states = snapshot.keys.states(self.clock.now());
        let replaced = states.into_iter().filter(|(_, state)| state.as_str() == "replaced");
        replaced.map(|(key, _)| key.kid().to_owned()).collect()
    }
}

async fn the_second_of_two_rotations_is_the_one_that_counts(engine: Engine) {
    let server = TestServer::start(engine).await;
    let old = server.signer().await;
    let first = server.rotate(Begins::After(HOUR)).await;
    assert!(first.replaced.is_empty());
    server.clock.advance(600);
    let second = server.rotate(Begins::After(HOUR)).await;
    assert_eq!((&second.replaced, &server.replaced()), (&vec![first.key.kid().to_owned()], &second.replaced));
    server.clock.advance(HOUR - 1);
    assert_eq!(server.signer().await, old, "the first one would have signed for ten minutes");
    server.clock.advance(1);
    server.signs_for_good(second.key.kid()).await;
}

/// The lead time was shortened between them.
async fn a_pending_key_does_not_sign_after_one_that_was_made_later(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.rotate(Begins::After(DAY)).await;
    let second = server.rotate(Begins::After(HOUR)).await;
    server.clock.advance(HOUR);
    server.signs_for_good(second.key.kid()).await;
}

async fn a_forced_rotation_is_not_undone_by_a_pending_key(engine: Engine) {
    let server = TestServer::start(engine).await;
    // Each is made in the same second, so only the order of making can tell them apart.
    let pending = [server.rotate(Begins::After(HOUR)).await, server.rotate(Begins::After(2 * HOUR)).await];
    let forced = server.rotate(Begins::Now).await;
    assert_eq!(forced.replaced.len(), 2);
    server.clock.advance(LEASE);
    server.signs_for_good(forced.key.kid()).await;
    assert!(pending.iter().all(|rotated| forced.replaced.contains(&rotated.key.kid().to_owned())));
}

/// A node that hasn't heard of the rotation begins to sign with the key that was replaced: its tokens are good.
async fn a_replaced_key_is_published_for_as_long_as_it_may_have_signed(engine: Engine) {
    let server = TestServer::start(engine).await;
    let pending = server.rotate(Begins::After(HOUR)).await;
    server.clock.advance(HOUR - 1);
    server.rotate(Begins::Now).await;
    let kids = async || {
        let listed = server.get("/jwks.json").await.ok().json();
        listed["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    server.clock.advance(DAY);
    assert!(kids().await.contains(&pending.key.kid().into()));
    server.clock.advance(DAY);
    assert!(!kids().await.contains(&pending.key.kid().into()));
}

async fn a_rotation_tells_which_keys_it_replaced(engine: Engine) {
    let server = TestServer::start(engine).await;
    let pending = server.rotate(Begins::After(HOUR)).await;
    let second = server.rotate(Begins::After(HOUR)).await;
    let events = server.app.store.audit().list(AuditFilter::All, 0, 100).await.unwrap();
    let event = events.iter().find(|event| event.target.as_deref() == Some(second.key.kid())).unwrap();
    assert_eq!((&*event.kind, event.reason.clone()), ("key.added", Some(format!("in place of {}", pending.key.kid()))));
}

async fn rotations_at_once_leave_one_key_that_signs(engine: Engine) {
    let server = TestServer::start(engine).await;
    let rotate = || {
        let (store, now) = (server.operator(), server.clock.now());
        let begins = Begins::After(HOUR);
        tokio::spawn(async move {
            let is_due = |_: &[_]| Some(SigningAlgorithm::EdDsa);
            publish_key(&store, &master_secrets(), now, begins, is_due).await.unwrap().unwrap().key.kid().to_owned()
        })
    };
    let rotations: Vec<_> = (0..4).map(|_| rotate()).collect();
    let mut made = Vec::new();
    for rotation in rotations {
        made.push(rotation.await.unwrap());
    }
    server.app.registry.refresh().await.unwrap();
    assert_eq!(server.replaced().len(), 3);
    server.clock.advance(HOUR);
    let signer = server.signer().await;
    assert!(made.contains(&signer));
    server.signs_for_good(&signer).await;
}

on_both_databases!(
    the_second_of_two_rotations_is_the_one_that_counts,
    a_pending_key_does_not_sign_after_one_that_was_made_later,
    a_forced_rotation_is_not_undone_by_a_pending_key,
    a_replaced_key_is_published_for_as_long_as_it_may_have_signed,
    a_rotation_tells_which_keys_it_replaced,
    rotations_at_once_leave_one_key_that_signs,
);
