//! Where a refresh token comes from: the body, or a browser's cookie. Its successor goes the same way.

use std::sync::Arc;

use super::cookies::{CookieKind, Jar};
use super::error::OAuthError;
use super::page::{Page, refuse_cross_site_cookie, require_page_of};
use super::refresh_cookie::HeldTokens;
use super::submitted::Submitted;
use crate::app::App;
use crate::domain::Client;
use crate::oauth::snapshot;

pub enum Presented<'a> {
    InBody(&'a str),
    /// In the cookies of a page that may speak for the client, if there.
    InCookies(HeldTokens<'a>),
}

/// The refresh token of a request by `client`, from the body or else from the cookies. On a page that sends neither, nobody is
/// signed in.
pub async fn presented<'a>(
    app: &App,
    request: &'a Submitted,
    client: Option<&Arc<Client>>,
) -> Result<Presented<'a>, OAuthError> {
    if let Some(text) = request.params.word("refresh_token")? {
        return Ok(Presented::InBody(text));
    }
    let headers = &request.headers;
    let wants_cookies = request.params.flag("cookie")?;
    let registry = snapshot(app)?;
    let is_app = Page::of(headers) == Page::None && Jar::of(headers, CookieKind::Refresh).is_empty();
    if is_app && !wants_cookies {
        return Err(OAuthError::invalid_request("The refresh_token is missing."));
    }
    if !is_app {
        require_page_of(app, &registry, headers, client.map(Arc::as_ref))?;
    }
    if wants_cookies {
        refuse_cross_site_cookie(headers)?;
    }
    Ok(Presented::InCookies(HeldTokens::of(app, &registry, headers, client).await?))
}
