//! The audience of an access token: RFC 8707 and RFC 9068 §3. It is never empty.

use super::refusal::Refusal;
use crate::config::Config;
use crate::domain::{Client, Scope};

/// Every audience that the client's tokens may have.
pub fn allowed(client: &Client, config: &Config) -> Vec<String> {
    if client.audience.is_empty() { config.audience.clone() } else { client.audience.clone() }
}

/// The audiences that the client's tokens lose when it becomes `next`. The issuer isn't among them: whether a token is for this
/// server follows from its scope.
pub fn lost(client: &Client, next: &Client, config: &Config) -> Vec<String> {
    let kept = allowed(next, config);
    let is_lost = |name: &String| !kept.contains(name) && name != config.issuer.as_str();
    allowed(client, config).into_iter().filter(is_lost).collect()
}

/// Whether a token of the client may still be for all of `audience`. Where its registration names none the configuration does, and
/// that may differ from node to node while it is being changed.
pub fn may_have(client: &Client, audience: &[String], issuer: &str) -> bool {
    client.audience.is_empty() || audience.iter().all(|name| client.audience.contains(name) || name == issuer)
}

/// The audiences that `resources` asks for out of `allowed`; all of them when it asks for none.
pub fn requested(resources: &[&str], allowed: &[String]) -> Result<Vec<String>, Refusal> {
    if resources.is_empty() {
        return Ok(allowed.to_vec());
    }
    let mut audience: Vec<String> = Vec::new();
    for resource in resources {
        let known = allowed.iter().find(|known| known == resource).ok_or(Refusal::InvalidTarget)?;
        if !audience.contains(known) {
            audience.push(known.clone());
        }
    }
    Ok(audience)
}

/// A token whose scope is for an endpoint of ours is for us as well, unless the client asked for certain resources only.
pub fn with_own_endpoints(mut audience: Vec<String>, scope: &Scope, resources: &[&str], issuer: &str) -> Vec<String> {
    let is_for_us = [Scope::OPENID, Scope::INTROSPECT].iter().any(|word| scope.contains(word));
    if resources.is_empty() && is_for_us && !audience.iter().any(|known| known == issuer) {
        audience.push(issuer.to_owned());
    }
    audience
}
