//! A client as it is shown. Its secret isn't: only a hash of it is kept.

use crate::cli::output::{Cell, Record};
use crate::domain::Client;

/// What a listing shows of each client.
pub const COLUMNS: &[&str] =
    &["id", "name", "confidential", "grants", "scope", "first_party", "may_introspect", "admin", "disabled_at"];

/// Everything about a client. What is null follows the configuration.
pub fn record(client: &Client) -> Record {
    Record(vec![
        ("id", Cell::Text(client.id.to_string())),
        ("name", Cell::Text(client.name.clone())),
        ("confidential", Cell::Flag(!client.is_public())),
        ("grants", Cell::List(client.grants.iter().map(ToString::to_string).collect())),
        ("scope", Cell::Text(client.scope.to_string())),
        ("audience", Cell::List(client.audience.clone())),
        ("serves", Cell::List(client.serves.clone())),
        ("allowed_origins", Cell::List(client.allowed_origins.clone())),
        ("first_party", Cell::Flag(client.first_party)),
        ("may_introspect", Cell::Flag(client.may_introspect)),
        ("admin", Cell::Flag(client.admin)),
        ("access_lifetime", Cell::length(client.access_lifetime)),
        ("rotation", Cell::Flag(client.rotation)),
        ("reuse_window", Cell::length(client.reuse_window)),
        ("recovery", Cell::Text(client.recovery.as_str().to_owned())),
        ("idle_lifetime", Cell::length(client.idle_lifetime)),
        ("absolute_lifetime", Cell::length(client.absolute_lifetime)),
        ("token_typ", Cell::Text(client.token_typ.as_str().to_owned())),
        ("created_at", Cell::Time(client.created_at)),
        ("disabled_at", Cell::time(client.disabled_at)),
    ])
}
