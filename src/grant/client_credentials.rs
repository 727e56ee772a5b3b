//! `grant_type=client_credentials`, RFC 6749 §4.4: a confidential client for itself. No refresh token.

use super::TokenRequest;
use crate::app::App;
use crate::clock::NEVER;
use crate::domain::Grant;
use crate::oauth::issue::Subject;
use crate::oauth::{Issued, Refusal, issue, snapshot};

#[expect(clippy::unused_async, reason = "other grants ask the database")]
pub(super) async fn carry_out(app: &App, request: TokenRequest<'_>) -> Result<Issued, Refusal> {
    let client = request.client;
    client.require_grant(Grant::ClientCredentials)?;
    let granted = request.requested.grant(client, &app.config)?;
    let subject = Subject { client, user: None, session_ends_at: NEVER, granted };
    issue(app, &*snapshot(app)?, subject, app.clock.now())
}
