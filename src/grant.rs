//! Grants: a file a `grant_type`, each check by check as its RFC has it. Knows nothing of HTTP.

pub mod audience;
mod client;
pub mod client_credentials;
pub mod explain;
pub mod introspection;
mod issue;
pub mod live;
pub mod password;
pub mod refresh_token;
mod refusal;
pub mod revocation;
mod scope;

pub use client::{Credentials, PresentedClient, authenticate};
pub use issue::{Issued, IssuedDevice, IssuedRefresh};
pub use refusal::{InvalidGrant, Refusal};

use std::sync::Arc;

use crate::app::{App, Snapshot};
use crate::audit::{Actor, EventKind};
use crate::domain::RequestContext;
use crate::throttle::{Failures, Throttled};

/// The registry, or 503 when its lease has run out.
pub fn snapshot(app: &App) -> Result<Arc<Snapshot>, Refusal> {
    let expired = || Refusal::Unavailable("the registry has not been read for too long".to_owned());
    app.registry.snapshot().ok_or_else(expired)
}

/// The refusal of what failed too often, which the audit trail is told of.
pub async fn throttled(app: &App, what: Failures, refused: Throttled, request_context: &RequestContext) -> Refusal {
    let event = app.acting(Actor::Stranger, request_context).event(EventKind::Throttled).because(what.as_str());
    app.record_failure(event).await;
    Refusal::throttled(app, what, refused)
}
