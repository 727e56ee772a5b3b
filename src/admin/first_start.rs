//! The first start: a first user, a first app and a first API, to try the server with.

use super::{Admin, Error};
use crate::clock::UnixTime;
use crate::domain::{Client, ClientAuthentication, Grant, Grants, PlainSecret, Profile, User, UserId};
use crate::password::PlainPassword;
use crate::store::StoreError;

/// The user that is made.
pub(crate) const USER: &str = "alice";

/// The public first-party client that is made, which is also the default of `login.client`.
pub(crate) const APP: &str = "app";

/// The confidential client that is made, and the audience of the app's tokens, which it serves.
pub(crate) const API: &str = "api";

/// What was made, with the secrets in plain text for the only time.
pub(crate) struct FirstStart {
    pub password: PlainSecret,
    pub api_secret: PlainSecret,
}

/// Makes the first user and clients, all or none, if there are none of either.
pub(crate) async fn first_start(admin: &Admin) -> Result<Option<FirstStart>, Error> {
    if !admin.store.users().list("", 1).await?.is_empty() || !admin.store.clients().list().await?.is_empty() {
        return Ok(None);
    }
    let now = admin.now();
    let first = FirstStart { password: PlainSecret::generate(), api_secret: PlainSecret::generate() };
    let hash = admin.hash(PlainPassword::chosen(first.password.reveal()).map_err(Error::failed)?).await?;
    let (clients, user) = first_things(now, &first.api_secret).map_err(Error::Failed)?;
    match admin.store.clients().insert_first(&clients, &user, hash.as_str()).await {
        Ok(()) => Ok(Some(first)),
        // Another node was quicker, and has shown its secrets.
        Err(StoreError::Exists) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

type Unreadable = Box<dyn std::error::Error + Send + Sync>;

fn first_things(now: UnixTime, secret: &PlainSecret) -> Result<([Client; 2], User), Unreadable> {
    let user = User {
        id: UserId::generate(),
        username: USER.parse()?,
        profile: Profile::default(),
        credentials_version: 1,
        created_at: now,
        disabled_at: None,
    };
    let app = Client {
        name: "First app".to_owned(),
        grants: Grants::from([Grant::Password, Grant::RefreshToken]),
        scope: "openid profile email".parse()?,
        audience: vec![API.to_owned()],
        first_party: true,
        ..Client::without_rights(APP.parse()?, ClientAuthentication::Public, now)
    };
    let api = Client {
        name: "First API".to_owned(),
        grants: Grants::from([Grant::ClientCredentials]),
        scope: "introspect".parse()?,
        serves: vec![API.to_owned()],
        may_introspect: true,
        admin: true,
        ..Client::without_rights(API.parse()?, ClientAuthentication::Secret(secret.hash()), now)
    };
    Ok(([app, api], user))
}
