//! An access token that somebody presents at one of our own endpoints: RFC 6750 §3.1, RFC 9068 §4.

use axum::http::HeaderMap;

use super::authorization::Authorization;
use super::error::OAuthError;
use crate::app::App;
use crate::grant::live::{self, LiveAccess};

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
///
/// The scope comes first. It is what makes this server one of a token's audiences, so a token that has neither lacks the
/// scope; to call it invalid would send its client for another one, which is the same.
pub async fn bearer_with_scope(
    app: &App,
    text: &str,
    scope: &str,
    challenge: &'static str,
) -> Result<LiveAccess, OAuthError> {
    let access = live::access_token(app, text).await?.ok_or_else(OAuthError::invalid_token)?;
    if !access.claims.scope.contains(scope) {
        return Err(OAuthError::insufficient_scope(challenge));
    }
    if live::is_for_us(app, &access.claims) { Ok(access) } else { Err(OAuthError::invalid_token()) }
}
