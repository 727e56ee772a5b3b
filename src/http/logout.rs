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
use super::presented_token::presented_token;
use super::refresh::asking_client;
use super::submitted::{FormOrJson, Submitted};
use super::token_response::Delivery;
use crate::app::App;
use crate::grant::revocation::{logout_by_access_token, logout_by_refresh_token};

/// Answers `POST /logout`: 204, also when the session is gone already.
pub async fn logout(
    State(app): State<Arc<App>>,
    FormOrJson(request): FormOrJson<BODY_LIMIT>,
) -> Result<Response, OAuthError> {
    let all = request.params.flag("all")?;
    let delivery = match Authorization::of(&request.headers) {
        Authorization::Bearer(token) => {
            by_bearer(&app, &request, token, all).await?;
            Delivery::Body
        }
        _ => by_refresh_token(&app, &request, all).await?,
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let (Delivery::Cookie, Some(cookie)) = (delivery, clear_cookie()) {
        headers.insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn by_bearer(app: &App, request: &Submitted, token: &str, all: bool) -> Result<(), OAuthError> {
    if request.params.get("refresh_token").is_some() {
        return Err(OAuthError::invalid_request("The request has two tokens."));
    }
    if logout_by_access_token(app, token, all).await? { Ok(()) } else { Err(OAuthError::invalid_token()) }
}

async fn by_refresh_token(app: &App, request: &Submitted, all: bool) -> Result<Delivery, OAuthError> {
    let client = asking_client(app, request)?;
    let missing = || OAuthError::invalid_request("The request has no token.");
    let token = presented_token(request, &app.config)?.ok_or_else(missing)?;
    logout_by_refresh_token(app, client.as_deref(), &token.text, all).await?;
    Ok(token.delivery)
}
