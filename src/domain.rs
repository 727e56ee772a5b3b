//! The words of the field as types: clients, users, sessions, scopes. Values only: no I/O, no clock, no configuration.
//! Everything else may depend on this; this depends on nothing of the crate but [`crate::clock`]'s units and digests.

pub mod algorithm;
pub mod client;
pub mod cookie_tag;
pub mod grant;
pub mod key;
pub mod master_secret;
pub mod request_context;
pub mod scope;
pub mod secret;
pub mod session;
pub mod spelling;
pub mod user;

pub use algorithm::SigningAlgorithm;
pub use client::{
    Client, ClientAuthentication, ClientId, LONGEST_ACCESS_LIFETIME, Recovery, RefreshPolicy, RightsLost, TokenTyp,
};
pub use cookie_tag::{COOKIE_TAG_LENGTH, cookie_tag};
pub use grant::{Clients, Grant, Grants, MayNotUse, UnknownGrant, Yields};
pub use key::{StoredAuditKey, StoredKey};
pub use request_context::RequestContext;
pub use scope::Scope;
pub use secret::{PlainSecret, SecretHash};
pub use session::{Anchor, Device, Exchange, Revocation, RevokedReason, Rotation, Session, SessionId, SessionLife};
pub use user::{Claims, Profile, User, UserId, Username};
