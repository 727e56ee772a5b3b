//! `POST /logout`: ends this session, or all of the user's.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::BODY_LIMIT;
use super::authorization::Authorization;
use super::error::OAuthError;
use super::origin::clear_cookie;
use super::presented_token::{PresentedToken, presented_token};
use super::refresh::asking_client;
use super::submitted::{FormOrJson, Submitted};
use super::token_response::Delivery;
use crate::app::App;
use crate::grant::revocation::{is_of_session, logout_by_access_token, logout_by_refresh_token};
use crate::grant::{InvalidGrant, Refusal};

/// Answers `POST /logout`: 204, also when the session is gone already.
pub async fn logout(
    State(app): State<Arc<App>>,
    FormOrJson(request): FormOrJson<BODY_LIMIT>,
) -> Result<Response, OAuthError> {
    let all = request.params.flag("all")?;
    let presented = presented_token(&request, &app.config)?;
    let in_cookie = presented.as_ref().is_some_and(|token| token.delivery == Delivery::Cookie);
    match (Authorization::of(&request.headers), presented) {
        (Authorization::Bearer(_), Some(_)) if !in_cookie => {
            return Err(OAuthError::invalid_request("The request has two tokens."));
        }
        (Authorization::Bearer(access), token) => by_bearer(&app, &request, access, token, all).await?,
        (_, Some(token)) => by_refresh_token(&app, &request, &token, all).await?,
        (_, None) => return Err(OAuthError::invalid_request("The request has no token.")),
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let (true, Some(cookie)) = (in_cookie, clear_cookie()) {
        headers.insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A browser app's access token may have expired while its cookie is good, or be of another session than its cookie. What
/// both stand for ends.
async fn by_bearer(
    app: &App,
    request: &Submitted,
    access: &str,
    in_cookie: Option<PresentedToken>,
    all: bool,
) -> Result<(), OAuthError> {
    let ended = logout_by_access_token(app, access, all, &request.requester).await?;
    let Some(cookie) = in_cookie else { return ended.map(drop).ok_or_else(OAuthError::invalid_token) };
    // That of a confidential client would ask for its secret, which an access token of the same session does without.
    let is_done = ended.is_some_and(|session| is_of_session(app, &cookie.text, session));
    if is_done || logout_by_refresh_token(app, None, &cookie.text, all, &request.requester).await? {
        return Ok(());
    }
    Err(ended.map_or_else(OAuthError::invalid_token, |_| others_are_left()))
}

async fn by_refresh_token(app: &App, request: &Submitted, token: &PresentedToken, all: bool) -> Result<(), OAuthError> {
    let client = asking_client(app, request).await?;
    let done = logout_by_refresh_token(app, client.as_deref(), &token.text, all, &request.requester).await?;
    if done { Ok(()) } else { Err(others_are_left()) }
}

fn others_are_left() -> OAuthError {
    OAuthError::from(Refusal::from(InvalidGrant::Ended)).first_party()
}
