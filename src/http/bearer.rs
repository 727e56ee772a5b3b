//! An access token that somebody presents at one of our own endpoints: RFC 6750 §3.1, RFC 9068 §4.

use axum::http::HeaderMap;

use super::authorization::Authorization;
use super::error::OAuthError;
use crate::app::App;
use crate::grant::live::{self, LiveAccess, Unfit};

/// The token in the header, RFC 6750 §2.1; the one way that is taken.
pub fn bearer(headers: &HeaderMap) -> Result<&str, OAuthError> {
    match Authorization::of(headers) {
        Authorization::Bearer(token) => Ok(token),
        Authorization::Missing | Authorization::Basic(_) => Err(OAuthError::missing_token()),
        Authorization::Unusable => Err(OAuthError::invalid_token()),
    }
}

/// The access token that `text` is, if it is alive, has the scope that the endpoint asks for, and is for this server.
/// `challenge` is the answer to a token without that scope.
pub async fn bearer_with_scope(
    app: &App,
    text: &str,
    scope: &str,
    challenge: &'static str,
) -> Result<LiveAccess, OAuthError> {
    let access = living(app, text).await?;
    match live::fit(&access.claims, scope, app.config.issuer.as_str()) {
        Ok(()) => Ok(access),
        Err(Unfit::Scope) => Err(OAuthError::insufficient_scope(challenge)),
        Err(Unfit::Audience) => Err(OAuthError::invalid_token().because("it is for other servers only".to_owned())),
    }
}

/// The access token that `text` is, if it is alive. The log says why it isn't.
pub async fn living(app: &App, text: &str) -> Result<LiveAccess, OAuthError> {
    live::access_token(app, text).await?.map_err(|dead| OAuthError::invalid_token().because(dead.to_string()))
}
