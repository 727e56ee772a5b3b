//! What is given of a registration: all that a new one has, or what is to be different.

use crate::clock::Seconds;
use crate::domain::{Client, Grants, Recovery, Scope, TokenTyp};

/// What is given replaces what was, what isn't stays. A lifetime of `Some(None)` follows the configuration.
#[derive(Clone, Debug, Default)]
#[expect(clippy::option_option, reason = "not given, or given as what the configuration says")]
pub(crate) struct ClientChange {
    pub name: Option<String>,
    pub grants: Option<Grants>,
    pub scope: Option<Scope>,
    pub audience: Option<Vec<String>>,
    pub serves: Option<Vec<String>>,
    pub allowed_origins: Option<Vec<String>>,
    pub first_party: Option<bool>,
    pub may_introspect: Option<bool>,
    pub admin: Option<bool>,
    pub access_lifetime: Option<Option<Seconds>>,
    pub rotation: Option<bool>,
    pub reuse_window: Option<Option<Seconds>>,
    pub recovery: Option<Recovery>,
    pub idle_lifetime: Option<Option<Seconds>>,
    pub absolute_lifetime: Option<Option<Seconds>>,
    pub token_typ: Option<TokenTyp>,
}

impl ClientChange {
    pub(super) fn apply(&self, client: &mut Client) {
        set(&mut client.name, self.name.as_ref());
        set(&mut client.grants, self.grants.as_ref());
        set(&mut client.scope, self.scope.as_ref());
        set(&mut client.audience, self.audience.as_ref());
        set(&mut client.serves, self.serves.as_ref());
        set(&mut client.allowed_origins, self.allowed_origins.as_ref());
        set(&mut client.first_party, self.first_party.as_ref());
        set(&mut client.may_introspect, self.may_introspect.as_ref());
        set(&mut client.admin, self.admin.as_ref());
        set(&mut client.access_lifetime, self.access_lifetime.as_ref());
        set(&mut client.rotation, self.rotation.as_ref());
        set(&mut client.reuse_window, self.reuse_window.as_ref());
        set(&mut client.recovery, self.recovery.as_ref());
        set(&mut client.idle_lifetime, self.idle_lifetime.as_ref());
        set(&mut client.absolute_lifetime, self.absolute_lifetime.as_ref());
        set(&mut client.token_typ, self.token_typ.as_ref());
    }
}

fn set<T: Clone>(field: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        field.clone_from(given);
    }
}
