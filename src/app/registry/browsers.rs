//! What browsers say of clients, prepared for looking up: the origins of their pages and the tags of their cookies.

use std::collections::{HashMap, HashSet};

use crate::domain::{Client, ClientId, cookie_tag};

/// Of the clients at one version of the registry that aren't disabled.
#[derive(Debug)]
pub(super) struct Browsers {
    /// Whose cookies have which tag.
    pub(super) tags: HashMap<String, ClientId>,
    /// The origins that some client lists as its own.
    pub(super) origins: HashSet<String>,
    /// Whether some client lists none.
    pub(super) has_client_without_origins: bool,
}

impl Browsers {
    pub(super) fn of<'a>(clients: impl Iterator<Item = &'a Client>, issuer: &str) -> Self {
        let mut browsers = Self { tags: HashMap::new(), origins: HashSet::new(), has_client_without_origins: false };
        for client in clients.filter(|client| client.disabled_at.is_none()) {
            browsers.tags.insert(cookie_tag(issuer, client.id.as_str()), client.id.clone());
            browsers.origins.extend(client.allowed_origins.iter().cloned());
            browsers.has_client_without_origins |= client.allowed_origins.is_empty();
        }
        browsers
    }
}
