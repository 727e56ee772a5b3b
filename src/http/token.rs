//! `POST /token`: the token endpoint, RFC 6749 §3.2.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::BODY_LIMIT;
use super::authorization::presented_client;
use super::device::device_cookies;
use super::error::OAuthError;
use super::refresh::exchange;
use super::submitted::Form;
use super::token_response::{Delivery, token_response};
use crate::app::App;
use crate::domain::Grant;
use crate::grant::{TokenRequest, carry_out};
use crate::oauth::{Requested, authenticate, snapshot};

pub async fn token(State(app): State<Arc<App>>, Form(request): Form<BODY_LIMIT>) -> Result<Response, OAuthError> {
    let presented = presented_client(&request.headers, &request.params)?;
    let registry = snapshot(&app)?;
    let grant_type = request.params.require("grant_type", "The grant_type is missing.")?;
    let client = authenticate(&app, &registry, &presented, &request.request_context).await?;
    let grant = grant_type.parse::<Grant>().map_err(|_| OAuthError::unsupported_grant_type())?;
    let params = &request.params;
    let requested = Requested::read(params)?;
    // A browser's refresh token comes, and goes, in cookies.
    if grant == Grant::RefreshToken && params.word("refresh_token")?.is_none() {
        return exchange(&app, &request, Some(&client)).await;
    }
    let request_context = &request.request_context;
    let device_cookies = device_cookies(&request.headers, &client, &app.config);
    let request = TokenRequest { client: &client, params, requested, device_cookies, request_context };
    Ok(token_response(&carry_out(&app, grant, request).await?, Delivery::Body))
}
