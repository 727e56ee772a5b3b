//! The first start: a first user, a first app and a first API, and the lines to try them with.

use std::net::SocketAddr;

use super::Failure;
use crate::app::App;
use crate::clock::UnixTime;
use crate::config::Config;
use crate::domain::{Claims, Client, ClientAuthentication, Grant, Grants, PlainSecret, User, UserId};
use crate::password::PlainPassword;
use crate::store::StoreError;

/// The user that is made.
const USER: &str = "admin";

/// The public first-party client that is made, which is also the default of `login.client`.
const APP: &str = "app";

/// The confidential client that is made, and the audience of the app's tokens, which it serves.
const API: &str = "api";

/// What was made, with the secrets in plain text for the only time.
pub struct FirstStart {
    password: PlainSecret,
    api_secret: PlainSecret,
}

/// Makes the first user and clients, all or none, if there are none of either.
pub async fn bootstrap(app: &App) -> Result<Option<FirstStart>, Failure> {
    if !app.store.list_users("", 1).await?.is_empty() || !app.store.list_clients().await?.is_empty() {
        return Ok(None);
    }
    let now = app.clock.now();
    let first = FirstStart { password: PlainSecret::generate(), api_secret: PlainSecret::generate() };
    let hash = app.hasher.hash(PlainPassword::chosen(first.password.reveal())?).await?;
    let clients = [first_app(now)?, first_api(now, &first.api_secret)?];
    match app.store.by(app.own_act()).insert_first(&clients, &first_user(now)?, hash.as_str()).await {
        Ok(()) => Ok(Some(first)),
        // Another node was quicker, and has shown its secrets.
        Err(StoreError::Exists) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn first_user(now: UnixTime) -> Result<User, Failure> {
    Ok(User {
        id: UserId::generate(),
        username: USER.parse()?,
        email: None,
        claims: Claims::new(),
        credentials_version: 1,
        created_at: now,
        disabled_at: None,
    })
}

fn first_app(now: UnixTime) -> Result<Client, Failure> {
    Ok(Client {
        name: "First app".to_owned(),
        grants: Grants::from([Grant::Password, Grant::RefreshToken]),
        scope: "openid profile email".parse()?,
        audience: vec![API.to_owned()],
        first_party: true,
        ..Client::without_rights(APP.parse()?, ClientAuthentication::Public, now)
    })
}

fn first_api(now: UnixTime, secret: &PlainSecret) -> Result<Client, Failure> {
    Ok(Client {
        name: "First API".to_owned(),
        grants: Grants::from([Grant::ClientCredentials]),
        scope: "introspect".parse()?,
        serves: vec![API.to_owned()],
        may_introspect: true,
        admin: true,
        ..Client::without_rights(API.parse()?, ClientAuthentication::Secret(secret.hash()), now)
    })
}

impl FirstStart {
    /// What to tell the operator: the secrets, and lines that can be pasted into a shell one after the other.
    pub fn describe(&self, config: &Config, address: SocketAddr) -> String {
        let scheme = if config.http.tls.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{address}{}", config.issuer.path_prefix());
        let (password, secret) = (self.password.reveal(), self.api_secret.reveal());
        format!(
            r#"
A first user and two first clients were made. Their secrets are shown this once:

  user    {USER:<6} password  {password}
  client  {APP:<6} public, first-party: password and refresh_token grants
  client  {API:<6} secret    {secret}
                 confidential: client_credentials grant, may introspect, administrator

Try it, in another terminal:

# Log in, and keep the two tokens
TOKENS=$(curl -sS {base}/login -d username={USER} -d password={password}); echo "$TOKENS"
ACCESS=$(echo "$TOKENS" | sed 's/.*"access_token":"\([^"]*\)".*/\1/'); REFRESH=$(echo "$TOKENS" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')

# Who is signed in
curl -sS -w '\n' {base}/userinfo -H "Authorization: Bearer $ACCESS"

# Exchange the refresh token for new tokens
TOKENS=$(curl -sS {base}/refresh -d refresh_token="$REFRESH"); echo "$TOKENS"
ACCESS=$(echo "$TOKENS" | sed 's/.*"access_token":"\([^"]*\)".*/\1/'); REFRESH=$(echo "$TOKENS" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')

# As the API: is this access token good?
curl -sS -w '\n' -u {API}:{secret} {base}/introspect -d token="$ACCESS"

# As the app: end the session, and all of its tokens with it
curl -sS -w '\n' {base}/revoke -d client_id={APP} -d token="$REFRESH"

"#
        )
    }
}
