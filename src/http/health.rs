//! `GET /health/live` and `/health/ready`, for orchestrators and load balancers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;

use super::error::OAuthError;
use super::json;
use crate::app::App;
use crate::oauth::{Refusal, snapshot};

/// Whether the process runs.
pub const LIVE: &str = "/health/live";

/// Whether the server can answer requests.
pub const READY: &str = "/health/ready";

/// Answers `GET /health/live`: the process runs.
pub async fn live() -> Response {
    json::no_store_bytes(r#"{"status":"ok"}"#)
}

/// Answers `GET /health/ready`: sign-ins and revocations can be stored, this node's copy of the registry is current, and the node isn't
/// about to stop. Everybody may ask, so it costs no database call.
pub async fn ready(State(app): State<Arc<App>>) -> Result<Response, OAuthError> {
    if app.draining.load(Ordering::Relaxed) {
        return Err(OAuthError::unavailable(1, "the server is about to stop".to_owned()));
    }
    snapshot(&app)?;
    if let Some(reason) = app.unready() {
        return Err(Refusal::Unavailable(reason.to_owned()).into());
    }
    Ok(json::no_store_bytes(r#"{"status":"ok"}"#))
}
