//! The device of a sign-in: its name, and its device tokens.

use axum::http::HeaderMap;

use super::cookies::{CookieKind, Jar, MOST, Places};
use super::error::OAuthError;
use super::page::Page;
use super::submitted::Submitted;
use crate::app::App;
use crate::config::Config;
use crate::domain::{Client, Device, UserId, cookie_tag};
use crate::token::device::PREFIX;

/// The longest name that an app may give a device, in characters.
const MAX_NAME: usize = 128;

/// The device of a sign-in.
pub fn device(request: &Submitted) -> Result<Device, OAuthError> {
    let name = request.params.get("device_name")?.map(str::trim).filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.chars().count() > MAX_NAME || name.chars().any(char::is_control)) {
        let description = "The device_name is longer than 128 characters or has control characters.";
        return Err(OAuthError::invalid_request(description));
    }
    Ok(Device {
        name: name.map(str::to_owned),
        user_agent: request.request_context.user_agent.as_deref().map(str::to_owned),
        ip: Some(request.address().to_string()),
    })
}

/// The device tokens of earlier sign-ins: the one in the body, or those in the browser's cookies, one for each user. They give
/// access to nothing, so on a page that may not speak for the client they are ignored, not refused.
pub fn device_tokens(request: &Submitted, client: &Client, config: &Config) -> Result<Vec<String>, OAuthError> {
    if let Some(token) = request.params.word("device_token")? {
        return Ok(vec![token.to_owned()]);
    }
    if !Page::of(&request.headers).speaks_for(client, config) {
        return Ok(Vec::new());
    }
    let jar = Jar::of(&request.headers, CookieKind::Device);
    let own = jar.tagged().map(|(_, token)| token).take(MOST);
    Ok(own.chain(jar.shared()).map(str::to_owned).collect())
}

/// The cookies for a user's device token: the user's own, and the shared one of version 0.1 if the browser sent it and it holds
/// no other user's token.
pub fn device_places(app: &App, headers: &HeaderMap, user: UserId) -> Places {
    let jar = Jar::of(headers, CookieKind::Device);
    let tag = cookie_tag(app.config.issuer.as_str(), &user.to_string());
    let is_free = |text: &str| match app.device_keys.open(text) {
        Some(device) => device.user_id == user,
        // Another instance on this host may have made it.
        None => !text.starts_with(PREFIX),
    };
    let with_shared = jar.shared().is_some_and(is_free);
    Places::new(&jar, &tag, with_shared, |text| app.device_keys.open(text).map(|device| device.issued_at))
}
