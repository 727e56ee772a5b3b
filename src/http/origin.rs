//! Browsers: which pages may talk to us, and the cookie that holds their refresh token.

use axum::http::header::{COOKIE, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};

use super::error::OAuthError;
use crate::clock::Seconds;
use crate::config::Config;
use crate::domain::PlainSecret;

/// `__Host-` binds the cookie to this very host, over TLS only (RFC 6265bis §4.1.3.2).
const COOKIE_NAME: &str = "__Host-tokend-refresh";

/// Whether the request comes from a page of the issuer's own origin or a configured one.
fn is_own_page(headers: &HeaderMap, config: &Config) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    origin.to_str().is_ok_and(|origin| {
        origin == config.issuer.origin() || config.http.allowed_origins.iter().any(|allowed| allowed == origin)
    })
}

/// Refuses a request that another site's page makes the browser send: login CSRF. Apps that aren't pages send no `Origin`.
pub fn refuse_foreign_page(headers: &HeaderMap, config: &Config) -> Result<(), OAuthError> {
    let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if (headers.contains_key(ORIGIN) || cross_site) && !is_own_page(headers, config) {
        return Err(OAuthError::foreign_origin());
    }
    Ok(())
}

/// The refresh token in the cookie, which is believed only from an own page.
pub fn cookie_token(headers: &HeaderMap, config: &Config) -> Result<Option<String>, OAuthError> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut tokens = cookies.filter_map(|cookie| cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='));
    let Some(token) = tokens.next() else { return Ok(None) };
    if !is_own_page(headers, config) {
        return Err(OAuthError::foreign_origin());
    }
    Ok(Some(token.to_owned()))
}

/// The `Set-Cookie` that keeps a refresh token for `lifetime` seconds.
pub fn set_cookie(token: &PlainSecret, lifetime: Seconds) -> Option<HeaderValue> {
    cookie(token.reveal(), lifetime)
}

/// The `Set-Cookie` that forgets it.
pub fn clear_cookie() -> Option<HeaderValue> {
    cookie("", 0)
}

fn cookie(value: &str, lifetime: Seconds) -> Option<HeaderValue> {
    // RFC 6265bis §5.5 lets a browser keep a cookie for 400 days at most.
    let lifetime = lifetime.clamp(0, 400 * 86_400);
    let text = format!("{COOKIE_NAME}={value}; Path=/; Max-Age={lifetime}; Secure; HttpOnly; SameSite=Strict");
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
