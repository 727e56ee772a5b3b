//! `GET /jwks.json`: the public keys, RFC 7517.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::cacheable;
use super::error::OAuthError;
use crate::app::App;
use crate::oauth::snapshot;

pub async fn jwks(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, OAuthError> {
    let registry = snapshot(&app)?;
    let keys = registry.keys.jwks(app.clock.now());
    Ok(cacheable::json(&headers, keys.to_string()))
}
