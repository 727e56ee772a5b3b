//! Acts without a command line, on an embedded database of their own.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::ClientChange;
use super::session::SessionQuery;
use super::user::{Claim, NewUser, UserChange};
use super::*;
use crate::app::sealing_keys;
use crate::domain::{ClientId, Grant, PlainSecret, SessionId, Username};
use crate::keys::MasterSecrets;
use crate::store::StoreError;

const NOW: UnixTime = 1_800_000_000;

struct Rig {
    admin: Admin,
    _home: TempDir,
}

impl Rig {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let admin = admin(home.path(), &Clock::manual(NOW)).await;
        Self { admin, _home: home }
    }
}

async fn admin(home: &Path, clock: &Clock) -> Admin {
    let secret = "the-master-secret-of-these-tests-of-acts";
    let store = Store::open_sqlite(&home.join("tokend.db")).await.unwrap();
    store.migrate(&sealing_keys(&MasterSecrets::parse(secret).unwrap(), &[])).await.unwrap();
    let file = home.join("master.secret");
    std::fs::write(&file, secret).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = Config::from_toml(&format!("secret_file = '{}'", file.display())).unwrap();
    Admin::open(config, clock.clone(), &store, Actor::Operator(0)).await.unwrap()
}

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

fn new(username: &str, email: Option<&str>) -> NewUser {
    NewUser { username: name(username), email: email.map(str::to_owned), claims: Vec::new() }
}

fn json_of(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap()
}

#[tokio::test]
async fn a_user_is_made_changed_and_removed() {
    let Rig { admin, .. } = &Rig::new().await;
    let alice = user::create(admin, new("Alice", Some("alice@example.com")), None).await.unwrap();
    let claim = Claim { name: "roles".to_owned(), value: json!(["admin"]) };
    let change = UserChange { email: Some(None), claims: vec![claim], ..UserChange::default() };
    user::update(admin, alice.id, change).await.unwrap();
    let shown = json_of(&user::find(admin, &name("alice")).await.unwrap());
    let expected = json!({
        "id": alice.id, "username": "alice", "email": null, "claims": {"roles": ["admin"]}, "created_at": NOW,
        "disabled_at": null, "has_password": false,
    });
    assert_eq!(shown, expected);
    assert_eq!(user::disable(admin, &alice).await.unwrap(), Ended { changed: true, revoked: 0 });
    assert_eq!(user::disable(admin, &alice).await.unwrap(), Ended { changed: false, revoked: 0 });
    assert_eq!(user::remove(admin, alice.id).await.unwrap(), 0);
    let error = user::remove(admin, alice.id).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Thing::User, _)), "{error}");
}

#[tokio::test]
async fn a_user_that_is_there_or_ambiguous_is_a_conflict() {
    let Rig { admin, .. } = &Rig::new().await;
    for username in ["alice", "bob"] {
        user::create(admin, new(username, Some("both@example.com")), None).await.unwrap();
    }
    let error = user::create(admin, new("alice", None), None).await.unwrap_err();
    assert!(matches!(error, Error::Exists(Thing::User, _)), "{error}");
    let error = user::find(admin, &name("both@example.com")).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)) && error.to_string().contains("alice bob"), "{error}");
    let page = user::list(admin, "", 1).await.unwrap();
    assert!(page.more && page.items.len() == 1);
}

#[tokio::test]
async fn a_claim_that_is_not_there_is_invalid() {
    let Rig { admin, .. } = &Rig::new().await;
    let alice = user::create(admin, new("alice", None), None).await.unwrap();
    let change = UserChange { remove_claims: vec!["roles".to_owned()], ..UserChange::default() };
    let error = user::update(admin, alice.id, change).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_registration_keeps_to_the_rules() {
    let Rig { admin, .. } = &Rig::new().await;
    let rights = ClientChange { grants: Some([Grant::Password].into()), ..ClientChange::default() };
    let error = client::create(admin, id("app"), None, &rights).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    let rights = ClientChange { first_party: Some(true), ..rights };
    assert_eq!(client::create(admin, id("app"), None, &rights).await.unwrap(), Vec::<String>::new());
    let error = client::create(admin, id("app"), None, &rights).await.unwrap_err();
    assert!(matches!(error, Error::Exists(Thing::Client, _)), "{error}");
    let error = client::replace_secret(admin, &id("app"), &PlainSecret::generate()).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    let longer = ClientChange { access_lifetime: Some(Some(60)), ..ClientChange::default() };
    client::update(admin, &id("app"), &longer).await.unwrap();
    let shown = json_of(&client::find(admin, &id("app")).await.unwrap());
    assert_eq!(shown["grants"], json!(["password"]));
    assert_eq!((&shown["access_lifetime"], &shown["reuse_window"]), (&json!(60), &Value::Null));
    assert!(shown.get("secret_hash").is_none() && shown.get("authentication").is_none());
    assert!(client::disable(admin, &id("app")).await.unwrap().changed);
    assert!(client::enable(admin, &id("app")).await.unwrap());
    assert!(!client::enable(admin, &id("app")).await.unwrap());
    client::remove(admin, &id("app")).await.unwrap();
    let error = client::find(admin, &id("app")).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Thing::Client, _)), "{error}");
}

#[tokio::test]
async fn what_somebody_else_has_removed_is_neither_disabled_nor_enabled_before() {
    let Rig { admin, .. } = &Rig::new().await;
    let alice = user::create(admin, new("alice", None), None).await.unwrap();
    client::create(admin, id("app"), None, &ClientChange::default()).await.unwrap();
    user::remove(admin, alice.id).await.unwrap();
    client::remove(admin, &id("app")).await.unwrap();
    for (error, text) in [
        (user::disable(admin, &alice).await.map(drop), "there is no user"),
        (user::enable(admin, &alice).await.map(drop), "there is no user"),
        (client::disable(admin, &id("app")).await.map(drop), "there is no client app"),
        (client::enable(admin, &id("app")).await.map(drop), "there is no client app"),
    ] {
        assert!(error.unwrap_err().to_string().starts_with(text));
    }
}

#[tokio::test]
async fn the_key_that_signs_stays() {
    let Rig { admin, .. } = &Rig::new().await;
    assert!(key::list(admin).await.unwrap().is_empty());
    let first = key::rotate(admin, None, false).await.unwrap();
    let next = key::rotate(admin, None, false).await.unwrap();
    let error = key::remove(admin, first.key.kid()).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)) && error.to_string().contains(next.key.kid()), "{error}");
    let states: Vec<_> = key::list(admin).await.unwrap().into_iter().map(|key| key.state).collect();
    assert_eq!(states, ["signing", "pending"]);
    key::remove(admin, next.key.kid()).await.unwrap();
    let error = key::remove(admin, next.key.kid()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Thing::Key, _)), "{error}");
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_found() {
    let Rig { admin, .. } = &Rig::new().await;
    let error = session::revoke(admin, SessionId::generate(NOW)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(Thing::Session, _)), "{error}");
    let all = SessionQuery { user: None, client: None, all: true, limit: 10 };
    assert!(session::list(admin, all).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn the_recovery_window_closes_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let clock = Clock::manual(NOW);
    let admin = &admin(home.path(), &clock).await;
    assert_eq!(recovery::open(admin, 60).await.unwrap(), NOW + 60);
    assert_eq!(json_of(&recovery::status(admin).await.unwrap()), json!({"open": true, "until": NOW + 60}));
    clock.advance(60);
    assert_eq!(json_of(&recovery::status(admin).await.unwrap()), json!({"open": false, "until": null}));
}

#[tokio::test]
async fn every_act_is_in_the_trail() {
    let Rig { admin, .. } = &Rig::new().await;
    let alice = user::create(admin, new("alice", None), None).await.unwrap();
    let query = audit::EventQuery { user: Some(alice.id), ..audit::EventQuery::default() };
    let (events, mut follower) = audit::follow(admin, query.clone(), 10).await.unwrap();
    assert_eq!(json_of(&events[0])["kind"], "user.added");
    user::disable(admin, &alice).await.unwrap();
    let events = follower.next().await.unwrap();
    assert_eq!((&*events[0].event.kind, events[0].username.as_deref()), ("user.disabled", Some("alice")));
    assert!(audit::list(admin, &query, 1).await.unwrap().more);
    assert!(audit::verify(admin).await.unwrap().findings.is_empty());
    let error = audit::require_anchor(admin, "none").await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
}

#[tokio::test]
async fn the_first_start_makes_things_once() {
    let Rig { admin, .. } = &Rig::new().await;
    assert!(first_start::first_start(admin).await.unwrap().is_some());
    assert!(first_start::first_start(admin).await.unwrap().is_none());
    assert_eq!(client::list(admin).await.unwrap().len(), 2);
}

#[tokio::test]
async fn only_what_may_succeed_in_a_moment_is_unavailable() {
    let Rig { admin, .. } = &Rig::new().await;
    for error in [StoreError::TimedOut, StoreError::Overloaded, StoreError::Locked] {
        assert!(Error::from(error).is_unavailable());
    }
    assert!(!Error::from(StoreError::Exists).is_unavailable());
    assert!(matches!(Error::from(StoreError::TokensJustRevoked), Error::Conflict(_)));
    let error = explain::explain(admin, "no token", None).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    admin.store.close().await;
    let error = client::list(admin).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}
