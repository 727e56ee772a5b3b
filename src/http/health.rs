//! `GET /health/live` and `/health/ready`: for whoever restarts the process, and for whoever sends it requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;

use super::error::OAuthError;
use super::json;
use crate::app::App;
use crate::grant::{Refusal, snapshot};

/// Answers `GET /health/live`: the process runs.
pub async fn live() -> Response {
    json::no_store_bytes(r#"{"status":"ok"}"#)
}

/// Answers `GET /health/ready`: the database answers, this node's copy of the registry is current, and it isn't about to stop.
pub async fn ready(State(app): State<Arc<App>>) -> Result<Response, OAuthError> {
    if app.draining.load(Ordering::Relaxed) {
        return Err(OAuthError::unavailable(1, "the server is about to stop".to_owned()));
    }
    snapshot(&app)?;
    app.store.registry_state().await.map_err(Refusal::from)?;
    Ok(json::no_store_bytes(r#"{"status":"ok"}"#))
}
