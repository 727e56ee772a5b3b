//! Browsers: which pages may talk to us, and the cookies that hold their refresh token and make them a known device.

use axum::http::header::{COOKIE, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};

use super::error::OAuthError;
use crate::clock::Seconds;
use crate::config::Config;
use crate::domain::PlainSecret;

/// `__Host-` binds the cookie to this very host, over TLS only (RFC 6265bis §4.1.3.2).
const REFRESH_COOKIE: &str = "__Host-tokend-refresh";

/// The cookie that makes a browser a known device.
const DEVICE_COOKIE: &str = "__Host-tokend-device";

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
    let Some(token) = read_cookie(headers, REFRESH_COOKIE) else { return Ok(None) };
    if !is_own_page(headers, config) {
        return Err(OAuthError::foreign_origin());
    }
    Ok(Some(token))
}

/// The device token in the cookie of an own page. It grants nothing, so without an own page it is merely not there.
pub fn device_cookie(headers: &HeaderMap, config: &Config) -> Option<String> {
    read_cookie(headers, DEVICE_COOKIE).filter(|_| is_own_page(headers, config))
}

/// The first cookie of that name. Any bytes may be around it: other cookies of the host are whatever its pages make them.
fn read_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|&b| b == b';'));
    let value = |cookie: &[u8]| {
        let value = cookie.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    cookies.into_iter().find_map(value)
}

/// The `Set-Cookie` that keeps a refresh token for `lifetime` seconds.
pub fn set_cookie(token: &PlainSecret, lifetime: Seconds) -> Option<HeaderValue> {
    cookie(REFRESH_COOKIE, token.reveal(), lifetime)
}

/// The `Set-Cookie` that keeps a device token for `lifetime` seconds.
pub fn set_device_cookie(token: &PlainSecret, lifetime: Seconds) -> Option<HeaderValue> {
    cookie(DEVICE_COOKIE, token.reveal(), lifetime)
}

/// The `Set-Cookie` that forgets it.
pub fn clear_cookie() -> Option<HeaderValue> {
    cookie(REFRESH_COOKIE, "", 0)
}

fn cookie(name: &str, value: &str, lifetime: Seconds) -> Option<HeaderValue> {
    // RFC 6265bis §5.5 lets a browser keep a cookie for 400 days at most.
    let lifetime = lifetime.clamp(0, 400 * 86_400);
    let text = format!("{name}={value}; Path=/; Max-Age={lifetime}; Secure; HttpOnly; SameSite=Strict");
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
