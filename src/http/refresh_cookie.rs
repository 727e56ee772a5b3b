//! The refresh tokens that a browser holds, in one cookie for each client.

mod shared;

use std::sync::Arc;

use axum::http::HeaderMap;

use self::shared::{SharedCookie, in_order};
use super::cookies::{CookieKind, Jar, Places};
use super::error::OAuthError;
use super::page::Page;
use crate::app::{App, Snapshot};
use crate::domain::{Client, ClientId, SessionId, cookie_tag};
use crate::oauth::InvalidGrant;

/// The refresh tokens that a browser holds for one client.
pub struct HeldTokens<'a> {
    client: Option<Arc<Client>>,
    is_proven: bool,
    jar: Jar<'a>,
    shared: Option<SharedCookie>,
    tokens: Vec<String>,
}

impl<'a> HeldTokens<'a> {
    /// The tokens for `client`, which is authenticated. Without one, for the only client whose cookie the page may use.
    pub async fn of(
        app: &App,
        registry: &Snapshot,
        headers: &'a HeaderMap,
        client: Option<&Arc<Client>>,
    ) -> Result<Self, OAuthError> {
        let jar = Jar::of(headers, CookieKind::Refresh);
        let shared = SharedCookie::of(&jar, &app.refresh_keys);
        let is_proven = client.is_some();
        let client = match client {
            Some(client) => Some(Arc::clone(client)),
            None => meant_client(app, registry, Page::of(headers), &jar, shared.as_ref()).await?,
        };
        let tokens = match &client {
            Some(client) => in_order(&app.refresh_keys, jar.own(&tag(app, &client.id)), shared.as_ref()),
            None => Vec::new(),
        };
        Ok(Self { client, is_proven, jar, shared, tokens })
    }

    /// The same for a client that was named and not authenticated.
    #[must_use]
    pub fn unproven(self) -> Self {
        Self { is_proven: false, ..self }
    }

    /// The client's tokens, in the order in which to try them.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The client, if it was authenticated or is a public one.
    pub fn proven_client(&self) -> Result<&Client, InvalidGrant> {
        let client = self.client.as_ref().ok_or(InvalidGrant::NotSignedIn)?;
        if self.is_proven || client.is_public() { Ok(client) } else { Err(InvalidGrant::OtherClient) }
    }

    /// Where the successor of `token`, a good one of the client's, goes.
    pub async fn places(&self, app: &App, client: &Client, token: &str) -> Places {
        let session = app.refresh_keys.open(token).ok().map(|token| token.session_id);
        places(app, &self.jar, self.shared.as_ref(), client, session).await
    }

    /// The cookies that a sign-out deletes. `None` if none of the client's was sent.
    pub async fn places_to_clear(&self, app: &App) -> Option<Places> {
        let owner = self.client.as_ref().map(|client| &client.id);
        let with_shared = match &self.shared {
            Some(shared) => shared.is_free_for(app, owner).await,
            None => false,
        };
        match &self.client {
            Some(client) if with_shared || self.jar.own(&tag(app, &client.id)).is_some() => {
                Some(Places::new(&self.jar, &tag(app, &client.id), with_shared, |_| None))
            }
            None if with_shared => Some(Places::shared(CookieKind::Refresh)),
            _ => None,
        }
    }
}

/// Where the refresh token of a sign-in on `client` goes.
pub async fn places_of_sign_in(app: &App, headers: &HeaderMap, client: &Client) -> Places {
    let jar = Jar::of(headers, CookieKind::Refresh);
    let shared = SharedCookie::of(&jar, &app.refresh_keys);
    places(app, &jar, shared.as_ref(), client, None).await
}

/// The client's own cookie, and the shared one if it was sent and no other client is signed in by it. `session` is known to
/// be the client's.
async fn places(
    app: &App,
    jar: &Jar<'_>,
    shared: Option<&SharedCookie>,
    client: &Client,
    session: Option<SessionId>,
) -> Places {
    let with_shared = match shared {
        Some(shared) => {
            session.is_some_and(|session| shared.is_of(session)) || shared.is_free_for(app, Some(&client.id)).await
        }
        None => false,
    };
    let issued_at = |text: &str| app.refresh_keys.open(text).ok().map(|token| token.issued_at);
    Places::new(jar, &tag(app, &client.id), with_shared, issued_at)
}

/// The client of a page that names none: the only one with a cookie for which the page may speak.
async fn meant_client(
    app: &App,
    registry: &Snapshot,
    page: Page<'_>,
    jar: &Jar<'_>,
    shared: Option<&SharedCookie>,
) -> Result<Option<Arc<Client>>, OAuthError> {
    let may_be_meant = |client: &&Arc<Client>| page.speaks_for(client, &app.config);
    let own = jar.tagged().filter(|(_, value)| !value.is_empty()).filter_map(|(tag, _)| registry.client_of_tag(tag));
    let mut meant: Vec<_> = own.filter(may_be_meant).collect();
    if let Some(shared) = shared.filter(|shared| !shared.is_repeated_in(jar, &app.refresh_keys))
        && let Some(owner) = shared.owner(app).await?
        && (owner.lives || meant.is_empty())
        && let Some(client) = registry.client(owner.client.as_str()).filter(may_be_meant)
        && meant.iter().all(|other| other.id != client.id)
    {
        meant.push(client);
    }
    match meant.as_slice() {
        [] => Ok(None),
        [client] => Ok(Some(Arc::clone(client))),
        _ => Err(OAuthError::invalid_request("The browser has cookies of several clients: name one by client_id.")),
    }
}

fn tag(app: &App, client: &ClientId) -> String {
    cookie_tag(app.config.issuer.as_str(), client.as_str())
}
