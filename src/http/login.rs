//! `POST /login`: the app's own sign-in screen.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::LOGIN_BODY_LIMIT;
use super::authorization::presented_client;
use super::device::{device, device_token};
use super::error::OAuthError;
use super::origin::refuse_foreign_page;
use super::submitted::{FormOrJson, Submitted};
use super::token_response::{Delivery, token_response};
use crate::app::App;
use crate::grant::password::{self, SignIn};
use crate::grant::{PresentedClient, authenticate, snapshot};

/// Answers `POST /login`.
pub async fn login(
    State(app): State<Arc<App>>,
    FormOrJson(request): FormOrJson<LOGIN_BODY_LIMIT>,
) -> Result<Response, OAuthError> {
    refuse_foreign_page(&request.headers, &app.config)?;
    sign_in(&app, &request).await.map_err(OAuthError::first_party)
}

async fn sign_in(app: &App, request: &Submitted) -> Result<Response, OAuthError> {
    let params = &request.params;
    let presented = match presented_client(&request.headers, params)? {
        PresentedClient::Nobody => PresentedClient::Named { id: app.config.login.client.to_string() },
        presented => presented,
    };
    let sign_in = SignIn {
        username: params.require("username", "The username is missing.")?,
        password: params.require("password", "The password is missing.")?,
        scope: params.get("scope")?,
        resources: params.all("resource")?,
        device: device(request)?,
        device_token: device_token(request, &app.config)?,
        requester: &request.requester,
    };
    let delivery = if params.flag("cookie")? { Delivery::Cookie } else { Delivery::Body };
    let client = authenticate(app, &*snapshot(app)?, &presented, &request.requester).await?;
    Ok(token_response(&password::grant(app, &client, sign_in).await?, delivery))
}
