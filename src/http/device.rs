//! The cookies of devices that have signed in before.

use axum::http::HeaderMap;

use super::cookies::{CookieKind, Jar, MOST, Places};
use super::page::Page;
use crate::app::App;
use crate::config::Config;
use crate::domain::{Client, UserId, cookie_tag};
use crate::token::device::PREFIX;

/// The tokens of earlier sign-ins on the same device in a browser app's cookies, where each of its users has one. They give access to
/// nothing, so without a page of the client's they are merely not there.
pub fn device_cookies(headers: &HeaderMap, client: &Client, config: &Config) -> Vec<String> {
    if !Page::of(headers).speaks_for(client, config) {
        return Vec::new();
    }
    let jar = Jar::of(headers, CookieKind::Device);
    let own = jar.tagged().map(|(_, token)| token).take(MOST);
    own.chain(jar.shared()).map(str::to_owned).collect()
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
