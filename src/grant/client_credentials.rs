//! `grant_type=client_credentials`, RFC 6749 §4.4: a confidential client for itself. No refresh token.

use std::borrow::Cow;

use super::issue::{self, Subject};
use super::{Issued, Refusal, audience, scope};
use crate::app::{App, Snapshot};
use crate::clock::NEVER;
use crate::domain::{Client, Grant};

/// Issues an access token to a client for itself. `client` is authenticated.
pub fn grant(
    app: &App,
    snapshot: &Snapshot,
    client: &Client,
    asked: Option<&str>,
    resources: &[&str],
) -> Result<Issued, Refusal> {
    if client.is_public() {
        return Err(Refusal::UnauthorizedClient("a public client can't use client_credentials (RFC 6749 §4.4)"));
    }
    if !client.may_use(Grant::ClientCredentials) {
        return Err(Refusal::UnauthorizedClient("the client lacks the client_credentials grant"));
    }
    let scope = scope::requested(asked, client)?;
    let audience = audience::requested(resources, &audience::allowed(client, &app.config))?;
    let audience = audience::with_own_endpoints(audience, &scope, resources, app.config.issuer.as_str());
    let subject = Subject { client, user: None, session_ends_at: NEVER, scope: Cow::Borrowed(&scope), audience };
    let (access_token, expires_in) = issue::access_token(app, snapshot, subject, app.clock.now())?;
    Ok(Issued { access_token, expires_in, scope, refresh: None, device: None })
}
