//! Where a refresh token comes from: the body, or a browser app's cookie. It goes back the way it came.

use super::error::OAuthError;
use super::origin::cookie_token;
use super::submitted::Submitted;
use super::token_response::Delivery;
use crate::config::Config;

/// A refresh token as it was sent.
pub struct PresentedToken {
    /// The text.
    pub text: String,
    /// How it came, and how its successor goes.
    pub delivery: Delivery,
}

/// The refresh token of a request, if it has one. The body's goes before the cookie's.
pub fn presented_token(request: &Submitted, config: &Config) -> Result<Option<PresentedToken>, OAuthError> {
    if let Some(text) = request.params.word("refresh_token")? {
        return Ok(Some(PresentedToken { text: text.to_owned(), delivery: Delivery::Body }));
    }
    let in_cookie = cookie_token(&request.headers, config)?;
    Ok(in_cookie.map(|text| PresentedToken { text, delivery: Delivery::Cookie }))
}

/// The refresh token of a request that makes no sense without one.
pub fn require_token(request: &Submitted, config: &Config) -> Result<PresentedToken, OAuthError> {
    presented_token(request, config)?.ok_or_else(|| OAuthError::invalid_request("The refresh_token is missing."))
}
