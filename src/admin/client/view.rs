//! A client as it is shown. Its secret isn't: only a hash of it is kept.

use serde::Serialize;

use crate::admin::Error;
use crate::clock::{Seconds, UnixTime};
use crate::domain::{Client, ClientId};

/// Everything about a client. What is null follows the configuration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClientView {
    pub id: ClientId,
    pub name: String,
    pub confidential: bool,
    pub grants: Vec<&'static str>,
    pub scope: String,
    pub audience: Vec<String>,
    pub serves: Vec<String>,
    pub allowed_origins: Vec<String>,
    pub first_party: bool,
    pub may_introspect: bool,
    pub admin: bool,
    pub access_lifetime: Option<Seconds>,
    pub rotation: bool,
    pub reuse_window: Option<Seconds>,
    pub recovery: &'static str,
    pub idle_lifetime: Option<Seconds>,
    pub absolute_lifetime: Option<Seconds>,
    pub token_typ: &'static str,
    pub created_at: UnixTime,
    pub disabled_at: Option<UnixTime>,
}

impl ClientView {
    /// Refuses a public client, which has no secret.
    pub fn require_confidential(&self) -> Result<(), Error> {
        if self.confidential {
            Ok(())
        } else {
            Err(Error::Conflict(format!("client {} is public: it has no secret", self.id)))
        }
    }
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        Self {
            id: client.id.clone(),
            name: client.name.clone(),
            confidential: !client.is_public(),
            grants: client.grants.iter().map(|grant| grant.as_str()).collect(),
            scope: client.scope.to_string(),
            audience: client.audience.clone(),
            serves: client.serves.clone(),
            allowed_origins: client.allowed_origins.clone(),
            first_party: client.first_party,
            may_introspect: client.may_introspect,
            admin: client.admin,
            access_lifetime: client.access_lifetime,
            rotation: client.rotation,
            reuse_window: client.reuse_window,
            recovery: client.recovery.as_str(),
            idle_lifetime: client.idle_lifetime,
            absolute_lifetime: client.absolute_lifetime,
            token_typ: client.token_typ.as_str(),
            created_at: client.created_at,
            disabled_at: client.disabled_at,
        }
    }
}
