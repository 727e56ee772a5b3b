//! Browsers: which page a request comes from, and for which clients that page may speak.

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;

use super::error::OAuthError;
use crate::app::{App, Snapshot};
use crate::config::Config;
use crate::domain::{Client, ClientId};

/// The page that a request comes from, by its `Origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page<'a> {
    /// None. Apps that aren't pages send no `Origin`.
    None,
    Of(&'a str),
    /// One with several origins, or one that is no text.
    Unreadable,
}

impl<'a> Page<'a> {
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Self::None,
            (Some(origin), None) => origin.to_str().map_or(Self::Unreadable, Self::Of),
            (Some(_), Some(_)) => Self::Unreadable,
        }
    }

    /// Whether the page may send requests as `client`: its origin is one of the client's, or a configured one if the client
    /// has none.
    pub fn speaks_for(self, client: &Client, config: &Config) -> bool {
        let Self::Of(origin) = self else { return false };
        match client.allowed_origins.as_slice() {
            [] => is_configured(origin, config),
            own => own.iter().any(|allowed| allowed == origin),
        }
    }

    /// Whether the page may send requests as some client.
    pub fn speaks_for_some(self, registry: &Snapshot, config: &Config) -> bool {
        let Self::Of(origin) = self else { return false };
        registry.has_origin(origin) || (registry.has_client_without_origins() && is_configured(origin, config))
    }

    /// Whether the page may read answers.
    pub fn may_read(self, registry: &Snapshot, config: &Config) -> bool {
        let Self::Of(origin) = self else { return false };
        registry.has_origin(origin) || is_configured(origin, config)
    }
}

/// Whether an origin is the issuer's own or one of `http.allowed_origins`.
fn is_configured(origin: &str, config: &Config) -> bool {
    origin == config.issuer.origin() || config.http.allowed_origins.iter().any(|allowed| allowed == origin)
}

/// 403 unless the page of the request may speak for `client`, or for any client where none is known.
pub fn require_page_of(
    app: &App,
    registry: &Snapshot,
    headers: &HeaderMap,
    client: Option<&Client>,
) -> Result<(), OAuthError> {
    let page = Page::of(headers);
    let may_speak = match client {
        Some(client) => page.speaks_for(client, &app.config),
        None => page.speaks_for_some(registry, &app.config),
    };
    if may_speak {
        return Ok(());
    }
    warn_of_refusal(app, headers, client.map(|client| &client.id));
    Err(OAuthError::foreign_origin())
}

/// 403 for a sign-in that another site's page makes the browser send: login CSRF.
pub fn refuse_foreign_page(app: &App, registry: &Snapshot, headers: &HeaderMap) -> Result<(), OAuthError> {
    if Page::of(headers) == Page::None && !is_cross_site(headers) {
        return Ok(());
    }
    require_page_of(app, registry, headers, None)
}

/// 403 for cookie mode on a page of another site: the browser would drop the `SameSite=Strict` cookie and say nothing.
pub fn refuse_cross_site_cookie(headers: &HeaderMap) -> Result<(), OAuthError> {
    if is_cross_site(headers) { Err(OAuthError::cross_site_cookie()) } else { Ok(()) }
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// Logs the first refusal of each origin: it may be an app that isn't configured yet.
pub fn warn_of_refusal(app: &App, headers: &HeaderMap, client: Option<&ClientId>) {
    let origin = headers.get(ORIGIN).and_then(|origin| app.refused_origins.note(origin.as_bytes()));
    if let Some(origin) = origin {
        tracing::warn!(
            ?origin,
            client = client.map(ClientId::as_str),
            setting = "http.allowed_origins",
            "a page was refused: if it is yours, add its origin to http.allowed_origins or to its client (--allowed-origin)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ClientAuthentication;

    fn speaks_for(origin: &str, own: &[&str]) -> bool {
        let toml = "issuer = 'https://auth.example.com/a'\n[http]\nallowed_origins = ['https://app.example.com']";
        let mut client = Client::without_rights("app".parse().unwrap(), ClientAuthentication::Public, 0);
        client.allowed_origins = own.iter().map(|&origin| origin.to_owned()).collect();
        let headers = HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap())]);
        Page::of(&headers).speaks_for(&client, &Config::from_toml(toml).unwrap())
    }

    #[test]
    fn a_client_without_origins_leaves_them_to_the_configuration() {
        for (origin, may) in [
            ("https://app.example.com", true),
            ("https://auth.example.com", true),
            ("https://auth.example.com/a", false),
            ("https://own.example.com", false),
            ("https://APP.example.com", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(speaks_for(origin, &[]), may, "{origin}");
        }
    }

    #[test]
    fn a_client_with_origins_has_those_and_no_others() {
        for (origin, may) in [
            ("https://own.example.com", true),
            ("https://second.example.com", true),
            ("https://app.example.com", false),
            ("https://auth.example.com", false),
            ("https://own.example.com:8443", false),
        ] {
            assert_eq!(speaks_for(origin, &["https://own.example.com", "https://second.example.com"]), may, "{origin}");
        }
    }

    #[test]
    fn two_origins_are_none_that_can_be_told() {
        let twice = [(ORIGIN, "https://a.example".parse().unwrap()), (ORIGIN, "https://a.example".parse().unwrap())];
        let headers = twice.into_iter().fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        });
        assert_eq!(Page::of(&headers), Page::Unreadable);
        assert_eq!(Page::of(&HeaderMap::new()), Page::None);
    }
}
