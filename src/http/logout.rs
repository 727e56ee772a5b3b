//! `POST /logout`: ends this session, or all of the user's.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::BODY_LIMIT;
use super::authorization::Authorization;
use super::cookies::{CookieKind, Jar};
use super::error::OAuthError;
use super::page::require_page_of;
use super::presented_token::{Presented, presented};
use super::refresh::asking_client;
use super::refresh_cookie::HeldTokens;
use super::submitted::{FormOrJson, Submitted};
use crate::app::{App, Snapshot};
use crate::domain::Client;
use crate::oauth::{InvalidGrant, Refusal, snapshot};
use crate::revocation::{is_of_session, logout_by_access_token, logout_by_refresh_token};
use crate::token_state;

/// Answers `POST /logout`: 204, also when nobody is signed in.
pub async fn logout(
    State(app): State<Arc<App>>,
    FormOrJson(request): FormOrJson<BODY_LIMIT>,
) -> Result<Response, OAuthError> {
    let held = match Authorization::of(&request.headers) {
        Authorization::Bearer(access) => by_bearer(&app, &request, access).await?,
        _ => by_refresh_token(&app, &request).await?,
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(held) = held
        && let Some(places) = held.places_to_clear(&app).await
    {
        places.clear(response.headers_mut());
    }
    Ok(response)
}

/// Ends the session of the access token and that of the cookie: in a browser the token may have expired, or be of another
/// session than the cookie.
async fn by_bearer<'a>(app: &App, request: &'a Submitted, access: &str) -> Result<Option<HeldTokens<'a>>, OAuthError> {
    let all = request.params.flag("all")?;
    if request.params.word("refresh_token")?.is_some() {
        return Err(OAuthError::invalid_request("The request has two tokens."));
    }
    let held = held_beside(app, request, access).await?;
    let ended = logout_by_access_token(app, access, all, &request.request_context).await?;
    let Some(held) = held.filter(|held| !held.tokens().is_empty()) else {
        return ended.map(|_| None).ok_or_else(OAuthError::invalid_token);
    };
    for token in held.tokens() {
        // Signing out by a confidential client's refresh token needs its secret; by an access token of the session it doesn't.
        let is_done = ended.is_some_and(|session| is_of_session(app, token, session));
        let client = held.proven_client().ok();
        if !is_done && !logout_by_refresh_token(app, client, token, all, &request.request_context).await? {
            return Err(ended.map_or_else(OAuthError::invalid_token, |_| others_are_left()));
        }
    }
    Ok(Some(held))
}

/// The refresh tokens that the browser sends beside an access token. `None` if it sends no cookie.
async fn held_beside<'a>(
    app: &App,
    request: &'a Submitted,
    access: &str,
) -> Result<Option<HeldTokens<'a>>, OAuthError> {
    if Jar::of(&request.headers, CookieKind::Refresh).is_empty() {
        return Ok(None);
    }
    let registry = snapshot(app)?;
    let client = client_beside(app, &registry, request, access)?;
    require_page_of(app, &registry, &request.headers, client.as_deref())?;
    Ok(Some(HeldTokens::of(app, &registry, &request.headers, client.as_ref()).await?.unproven()))
}

/// The client whose cookie goes with an access token: the one that `client_id` names, else the token's.
fn client_beside(
    app: &App,
    registry: &Snapshot,
    request: &Submitted,
    access: &str,
) -> Result<Option<Arc<Client>>, OAuthError> {
    if let Some(id) = request.params.word("client_id")? {
        return registry.client(id).cloned().map(Some).ok_or_else(OAuthError::invalid_client);
    }
    let claims = token_state::verify(app, registry, access, app.clock.now());
    Ok(claims.and_then(|claims| registry.client(claims.client_id.as_str()).cloned()))
}

async fn by_refresh_token<'a>(app: &App, request: &'a Submitted) -> Result<Option<HeldTokens<'a>>, OAuthError> {
    let all = request.params.flag("all")?;
    let client = asking_client(app, request).await?;
    match presented(app, request, client.as_ref()).await? {
        Presented::InBody(token) => {
            let done = logout_by_refresh_token(app, client.as_deref(), token, all, &request.request_context).await?;
            if done { Ok(None) } else { Err(others_are_left()) }
        }
        Presented::InCookies(held) => {
            let client = held.proven_client().ok();
            let mut done = true;
            for token in held.tokens() {
                done &= logout_by_refresh_token(app, client, token, all, &request.request_context).await?;
            }
            if done { Ok(Some(held)) } else { Err(others_are_left()) }
        }
    }
}

fn others_are_left() -> OAuthError {
    OAuthError::from(Refusal::from(InvalidGrant::Ended)).first_party()
}
