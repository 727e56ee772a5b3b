//! Access tokens at tokend's own endpoints: RFC 6750 §3.1, RFC 9068 §4.

use axum::http::HeaderMap;

use super::authorization::Authorization;
use super::error::OAuthError;
use crate::app::App;
use crate::session::{Unfit, fit};
use crate::token_state::{self, LiveAccess};

/// The token in the `Authorization` header (RFC 6750 §2.1). No other way is supported.
pub fn bearer(headers: &HeaderMap) -> Result<&str, OAuthError> {
    match Authorization::of(headers) {
        Authorization::Bearer(token) => Ok(token),
        Authorization::Missing | Authorization::Basic(_) => Err(OAuthError::missing_token()),
        Authorization::Unusable => Err(OAuthError::invalid_token()),
    }
}

/// Verifies a live access token that has `scope` and is for this server. `challenge` is the `WWW-Authenticate` for a token
/// without that scope.
pub async fn bearer_with_scope(
    app: &App,
    text: &str,
    scope: &str,
    challenge: &'static str,
) -> Result<LiveAccess, OAuthError> {
    let access = living(app, text).await?;
    match fit(&access.claims, scope, app.config.issuer.as_str()) {
        Ok(()) => Ok(access),
        Err(Unfit::Scope) => Err(OAuthError::insufficient_scope(challenge)),
        Err(Unfit::Audience) => Err(OAuthError::invalid_token().because("it is for other servers only".to_owned())),
    }
}

/// Verifies a live access token. The log says why one is refused.
pub async fn living(app: &App, text: &str) -> Result<LiveAccess, OAuthError> {
    token_state::access_token(app, text).await?.map_err(|dead| OAuthError::invalid_token().because(dead.to_string()))
}
