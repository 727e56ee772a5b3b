//! The first start: a first user, a first app and a first API, and the lines to try them with.

use super::failure::Failure;
use crate::app::App;
use crate::clock::UnixTime;
use crate::config::{Config, Database, SecretSource};
use crate::domain::{Claims, Client, ClientAuthentication, Grant, Grants, PlainSecret, Profile, User, UserId};
use crate::password::PlainPassword;
use crate::store::StoreError;

/// The user that is made.
const USER: &str = "alice";

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
    if !app.store.users().list("", 1).await?.is_empty() || !app.store.clients().list().await?.is_empty() {
        return Ok(None);
    }
    let now = app.clock.now();
    let first = FirstStart { password: PlainSecret::generate(), api_secret: PlainSecret::generate() };
    let hash = app.hasher.hash(PlainPassword::chosen(first.password.reveal())?).await?;
    let clients = [first_app(now)?, first_api(now, &first.api_secret)?];
    match app.store.by(app.own_act()).clients().insert_first(&clients, &first_user(now)?, hash.as_str()).await {
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
        profile: Profile::new(None, Claims::new()),
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
    /// What to tell the operator: the secrets, and lines to paste into a shell. At most 15 lines, so that they fit any window.
    pub fn describe(&self, config: &Config) -> String {
        let (base, version, data) = (config.local_url(), env!("CARGO_PKG_VERSION"), data(config));
        let (password, secret) = (self.password.reveal(), self.api_secret.reveal());
        format!(
            r#"tokend {version} runs at {base} until you press Ctrl-C. It made, for you to try:
  {USER}  a user
  {APP}    a public client: an app that signs users in
  {API}    a back-end client: an API that checks tokens

In another terminal (the password and the secret are shown only now):

export B={base} PASSWORD={password} \
       SECRET={secret}
curl -w '\n' $B/login -d username={USER} -d password=$PASSWORD
TOKEN=$(curl -s $B/login -d username={USER} -d password=$PASSWORD | cut -d'"' -f4)
curl -w '\n' -u {API}:$SECRET $B/introspect -d token=$TOKEN

Next: README.md, "An app of your own". All guides: docs/README.md.
Data: {data}.
"#
        )
    }
}

/// Where the data is, in words.
fn data(config: &Config) -> String {
    let database = match &config.database {
        Database::Sqlite(path) => path.display().to_string(),
        url @ Database::Postgres(_) => url.to_string(),
    };
    match &config.master_secrets {
        SecretSource::File(path) => format!("{database}, with its master secret in {}", path.display()),
        SecretSource::Inline(_) => database,
    }
}
