//! Who is there in every test: the users and clients of the attack list.

use tokend::domain::{Client, ClientAuthentication, Grant, Grants, PlainSecret, Profile, User, UserId};
use tokend::password::{Hasher, PlainPassword};
use tokend::store::Store;

use super::canary;

/// When each test begins.
pub const START: i64 = 1_800_000_000;

/// When the clients were registered.
const REGISTERED: i64 = START - 1;

pub const PASSWORD: &str = "correct horse battery staple";
pub const BOBS_PASSWORD: &str = "Tr0ub4dor&3 and more";

/// A confidential client with every grant, first-party.
pub const C1: (&str, &str) = ("c1", "s1-0123456789abcdefghijklmnopqrstuvwxyz");
/// Another one.
pub const C2: (&str, &str) = ("c2", "s2-0123456789abcdefghijklmnopqrstuvwxyz");
/// A resource server that serves [`API`].
pub const RS1: (&str, &str) = ("rs1", "s3-0123456789abcdefghijklmnopqrstuvwxyz");
/// A resource server that serves another audience.
pub const RS2: (&str, &str) = ("rs2", "s4-0123456789abcdefghijklmnopqrstuvwxyz");
/// An administrator.
pub const ADMIN: (&str, &str) = ("admin-cli", "s5-0123456789abcdefghijklmnopqrstuvwxyz");
/// An administrator that may introspect.
pub const AUDITOR: (&str, &str) = ("auditor", "s6-0123456789abcdefghijklmnopqrstuvwxyz");
/// A public client, first-party, which is also the default of `/login`.
pub const P1: &str = "app";
/// A public client like [`P1`], where an unused successor means theft and there is no window.
pub const STRICT: &str = "strict";
/// A public client like [`P1`] without rotation.
pub const UNROTATED: &str = "unrotated";

/// The audience of the clients' tokens.
pub const API: &str = "https://api.example.com";

/// A confidential client that may do nothing yet.
pub fn confidential((id, secret): (&str, &str)) -> Client {
    canary::note(secret);
    let hash = PlainSecret::new(secret.to_owned()).hash();
    Client::without_rights(id.parse().unwrap(), ClientAuthentication::Secret(hash), REGISTERED)
}

/// A public first-party client.
pub fn public(id: &str) -> Client {
    Client {
        grants: Grants::from([Grant::Password, Grant::RefreshToken]),
        scope: "openid profile email read write".parse().unwrap(),
        audience: vec![API.to_owned()],
        first_party: true,
        ..Client::without_rights(id.parse().unwrap(), ClientAuthentication::Public, REGISTERED)
    }
}

/// The clients of every test.
pub fn clients() -> Vec<Client> {
    let full = |credentials| Client {
        authentication: confidential(credentials).authentication,
        grants: Grants::from(Grant::ALL),
        scope: "openid profile email read write introspect".parse().unwrap(),
        ..public(credentials.0)
    };
    let resource_server = |credentials, audience: &str| Client {
        grants: Grants::from([Grant::ClientCredentials]),
        scope: "introspect".parse().unwrap(),
        serves: vec![audience.to_owned()],
        may_introspect: true,
        ..confidential(credentials)
    };
    vec![
        full(C1),
        full(C2),
        resource_server(RS1, API),
        resource_server(RS2, "https://other.example.com"),
        Client { admin: true, ..confidential(ADMIN) },
        Client { admin: true, may_introspect: true, ..confidential(AUDITOR) },
        public(P1),
        Client { recovery: tokend::domain::Recovery::Strict, reuse_window: Some(0), ..public(STRICT) },
        Client { rotation: false, ..public(UNROTATED) },
    ]
}

/// One of them, as it is registered.
pub fn registered(id: &str) -> Client {
    clients().into_iter().find(|client| client.id.as_str() == id).expect("a client of the fixtures")
}

/// Who is told of a token: of an access token the resource server of [`API`], of a refresh token only its client and administrators.
pub fn who_sees(token: &str) -> (&'static str, &'static str) {
    if token.starts_with("tkr_") { AUDITOR } else { RS1 }
}

/// Adds a user with a password.
pub async fn add_user(store: &Store, hasher: &Hasher, name: &str, password: &str) -> UserId {
    canary::note(password);
    let hash = hasher.hash(PlainPassword::chosen(password).unwrap()).await.unwrap();
    let user = User {
        id: UserId::generate(),
        username: name.parse().unwrap(),
        profile: Profile::new(
            Some(format!("{name}@example.com")),
            serde_json::from_str(r#"{"roles":["tester"],"name":"The Tester","email_verified":true,"secret_note":"x"}"#)
                .unwrap(),
        ),
        credentials_version: 1,
        created_at: START,
        disabled_at: None,
    };
    store.by(super::operator()).users().insert(&user, Some(hash.as_str())).await.unwrap();
    user.id
}
