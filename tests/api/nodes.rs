//! Several nodes on one database, and a database that went back in time.

use std::time::Duration;

use tokend::domain::{Client, Exchange, PlainSecret, SigningAlgorithm};
use tokend::keys::SigningKey;
use tokend::store::audit_events::AuditFilter;

use crate::harness::{
    ADMIN, Engine, MASTER_SECRET, P1, START, Settings, TestServer, master_secrets, on_both_databases, operator,
};

async fn a_revocation_holds_on_every_node_at_once(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    let tokens = server.login().await;
    let (access, refresh) = (tokens.access_token(), tokens.refresh_token());
    server.at(&node).introspect(&access).await.active();
    server.post_as(ADMIN, "/revoke", &[("sub", &server.alice.to_string())]).await.ok();
    server.at(&node).assert_dead(&access, &[&refresh]).await;
}

async fn every_node_answers_a_retry_with_the_same_successor(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    let first = server.login().await.refresh_token();
    let here = server.refresh(&first).await.refresh_token();
    let there = server.at(&node).refresh(&first).await;
    assert_eq!((there.refresh_token(), there.header("refresh-verdict")), (here, "replay"));
}

/// While a new master secret reaches one node after the other, each node has to understand what the others make.
async fn a_new_master_secret_can_be_put_in_place_node_by_node(engine: Engine) {
    let server = TestServer::start(engine).await;
    let old_first = Settings::default().with_secret(&format!("{MASTER_SECRET},another-master-secret-that-is-new"));
    let new_first = Settings::default().with_secret(&format!("another-master-secret-that-is-new,{MASTER_SECRET}"));
    let (old_first, new_first) =
        (server.another_node_with(&old_first).await, server.another_node_with(&new_first).await);
    let zero = server.login().await.refresh_token();
    let one = server.at(&new_first).refresh(&zero).await.refresh_token();
    let retry = server.at(&old_first).refresh(&zero).await;
    assert_eq!((retry.refresh_token(), retry.header("refresh-verdict")), (one.clone(), "replay"));
    let two = server.at(&old_first).refresh(&one).await.refresh_token();
    let late = server.at(&new_first).refresh(&zero).await;
    assert_eq!((late.refresh_token(), late.header("refresh-verdict")), (two.clone(), "replay"));
    server.at(&new_first).refresh(&two).await.ok();
}

async fn a_node_without_the_master_secret_accepts_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let tokens = server.login().await;
    let other = Settings::default().with_issuer("https://other.example.com");
    let other = server.another_node_with(&other).await;
    server.at(&other).refresh(&tokens.refresh_token()).await.refused(401, "invalid_grant");
    server.at(&other).introspect(&tokens.access_token()).await.inactive();
    server.refresh(&tokens.refresh_token()).await.ok();
}

/// Takes the session back to how it was before `exchanged` was exchanged, as a failover does that loses commits.
pub async fn lose_commits(server: &TestServer, exchanged: &str, current: &str) {
    let hash = |token: &str| PlainSecret::new(token.to_owned()).hash();
    let id = server.app.refresh_keys.open(current).expect("a token of ours").session_id;
    let session = server.app.store.sessions().find(id).await.unwrap().expect("the session is there").session;
    let before = Exchange {
        expected_current: hash(current),
        parent_hash: None,
        current_hash: hash(exchanged),
        generation: 1,
        rotated_at: session.created_at,
        anchor: None,
        last_used_at: session.created_at,
        idle_expires_at: session.idle_expires_at,
    };
    assert!(server.app.store.sessions().exchange(id, &before).await.unwrap());
}

async fn a_token_ahead_of_the_database_is_refused_and_ends_nothing(engine: Engine) {
    let server = TestServer::start(engine).await;
    let zero = server.login().await.refresh_token();
    let one = server.refresh(&zero).await.refresh_token();
    let two = server.refresh(&one).await.refresh_token();
    lose_commits(&server, &zero, &two).await;
    server.clock.advance(60);
    server.refresh(&two).await.refused(401, "invalid_grant");
    let session = server.app.refresh_keys.open(&two).expect("a token of ours").session_id;
    let told = server.app.store.audit().list(AuditFilter::Session(session), 0, 10).await.expect("the trail is there");
    assert_eq!(told.iter().filter(|event| event.kind == "refresh.ahead").count(), 1, "the operator is told: {told:?}");
    server.introspect(&two).await.inactive();
    server.refresh(&zero).await.ok();
}

async fn an_open_recovery_window_lets_clients_that_are_ahead_go_on(engine: Engine) {
    let server = TestServer::start(engine).await;
    let zero = server.login().await.refresh_token();
    let one = server.refresh(&zero).await.refresh_token();
    let two = server.refresh(&one).await.refresh_token();
    lose_commits(&server, &zero, &two).await;
    server.operator().registry().set_recovery(Some(server.clock.now() + 3600)).await.unwrap();
    server.app.registry.refresh().await.unwrap();
    server.introspect(&two).await.active();
    let three = server.refresh(&two).await;
    server.introspect(&three.access_token()).await.active();
    let retry = server.refresh(&two).await;
    assert_eq!(retry.refresh_token(), three.refresh_token());

    server.clock.advance(3600);
    let four = server.refresh(&three.refresh_token()).await.refresh_token();
    lose_commits(&server, &two, &four).await;
    server.refresh(&four).await.refused(401, "invalid_grant");
}

async fn what_ended_long_ago_is_forgotten_and_nothing_else(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (ended, alive) = (server.login().await, server.login().await);
    server.post("/logout", &[("refresh_token", &ended.refresh_token())]).await;
    let one_token = server.login().await.access_token();
    server.post("/revoke", &[("client_id", crate::harness::P1), ("token", &one_token)]).await.ok();
    let store = &server.app.store;
    let now = server.clock.now();
    assert_eq!(store.sessions().purge(now - 1).await.unwrap(), 0);
    assert_eq!(store.sessions().purge(now).await.unwrap(), 1);
    // A minute past its end, which another node's clock may not have reached.
    assert_eq!(store.revoked_tokens().purge(now + 959).await.unwrap(), 0);
    assert_eq!(store.revoked_tokens().purge(now + 960).await.unwrap(), 1);
    server.refresh(&ended.refresh_token()).await.refused(401, "invalid_grant");
    server.refresh(&alive.refresh_token()).await.ok();
}

/// Nodes that first start together each find no key; two keys that have always signed would retire one another.
async fn of_nodes_that_add_a_key_at_once_one_does(engine: Engine) {
    let server = TestServer::start(engine).await;
    let version = server.app.store.registry().state().await.unwrap().version;
    let add = || {
        let database = std::sync::Arc::clone(&server.database);
        let key = SigningKey::generate(SigningAlgorithm::EdDsa, server.clock.now(), server.clock.now()).unwrap();
        tokio::spawn(async move {
            let sealed = key.seal(&master_secrets()).unwrap();
            database.open_again().await.by(operator()).signing_keys().insert_at(version, &sealed, START).await.unwrap()
        })
    };
    let nodes: Vec<_> = (0..6).map(|_| add()).collect();
    let mut added = 0;
    for node in nodes {
        added += usize::from(node.await.unwrap());
    }
    assert_eq!((added, server.app.store.signing_keys().list().await.unwrap().len()), (1, 2));
}

async fn a_key_is_sealed_again_by_one_node_only(engine: Engine) {
    let server = TestServer::start(engine).await;
    let store = &server.app.store;
    let old = store.signing_keys().list().await.unwrap().remove(0);
    let again = || SigningKey::open(&old, &master_secrets()).unwrap().seal(&master_secrets()).unwrap();
    let new = again();
    assert!(store.signing_keys().reseal(&old, &new).await.unwrap());
    assert!(!store.signing_keys().reseal(&old, &again()).await.unwrap());
    assert_eq!(store.signing_keys().list().await.unwrap().remove(0).sealed_private, new.sealed_private);
    server.another_node().await;
}

async fn removing_what_is_not_there_makes_no_node_read_anything_again(engine: Engine) {
    let server = TestServer::start(engine).await;
    let store = &server.app.store;
    let before = store.registry().state().await.unwrap().version;
    assert!(!store.by(operator()).signing_keys().remove("none").await.unwrap());
    assert!(!store.by(operator()).clients().remove(&"none".parse().unwrap(), START).await.unwrap());
    assert_eq!(store.registry().state().await.unwrap().version, before);
}

/// The lease on clients and keys is longer than any hiccup, and a node polls for as long as it runs.
async fn a_change_of_a_client_reaches_every_node_by_itself(engine: Engine) {
    let server = TestServer::start(engine).await;
    let node = server.another_node().await;
    assert!(server.operator().clients().remove(&P1.parse().unwrap(), START).await.unwrap());
    let noticed = async {
        while server.at(&node).login().await.status == 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), noticed).await.expect("the node polls");
    server.at(&node).login().await.refused(401, "invalid_client");
}

/// As many changes after the database was put back as were lost by it: a node that counted them would take its copy for the newest.
async fn a_node_notices_that_the_registry_was_put_back_and_changed(engine: Engine) {
    let server = TestServer::start(engine).await;
    let store = &server.app.store;
    let before = store.registry().state().await.unwrap().version;
    store.by(operator()).registry().set_recovery(Some(server.clock.now() + 3600)).await.unwrap();
    let node = server.another_node().await;
    assert!(node.app.registry.snapshot().unwrap().client(P1).is_some());
    server.database.execute(&format!("UPDATE registry SET version = {before}, recovery_until = NULL")).await;
    assert!(store.by(operator()).clients().remove(&P1.parse().unwrap(), server.clock.now()).await.unwrap());
    node.app.registry.refresh().await.unwrap();
    assert!(node.app.registry.snapshot().unwrap().client(P1).is_none());
}

/// A node goes by what it last read; what it decides is stored only while that is still so.
async fn nobody_signs_in_to_a_registration_that_was_removed(engine: Engine) {
    let server = TestServer::start(engine).await;
    let store = &server.app.store;
    let id = P1.parse().unwrap();
    let client = store.clients().find(&id).await.unwrap().unwrap();
    let narrow = Client { scope: "openid".parse().unwrap(), ..client };
    for _ in 0..5 {
        assert!(store.by(operator()).clients().remove(&id, server.clock.now()).await.unwrap());
        store.by(operator()).clients().insert(&narrow).await.unwrap();
        let answer = server.login().await;
        assert!(answer.status != 200 || answer.json()["scope"] == "openid", "{answer:?}");
    }
    server.app.registry.refresh().await.unwrap();
    assert_eq!(server.login().await.ok().json()["scope"], "openid");
}

on_both_databases!(
    a_revocation_holds_on_every_node_at_once,
    every_node_answers_a_retry_with_the_same_successor,
    a_new_master_secret_can_be_put_in_place_node_by_node,
    a_node_without_the_master_secret_accepts_nothing,
    a_token_ahead_of_the_database_is_refused_and_ends_nothing,
    an_open_recovery_window_lets_clients_that_are_ahead_go_on,
    what_ended_long_ago_is_forgotten_and_nothing_else,
    of_nodes_that_add_a_key_at_once_one_does,
    a_key_is_sealed_again_by_one_node_only,
    removing_what_is_not_there_makes_no_node_read_anything_again,
    a_change_of_a_client_reaches_every_node_by_itself,
    a_node_notices_that_the_registry_was_put_back_and_changed,
    nobody_signs_in_to_a_registration_that_was_removed,
);
