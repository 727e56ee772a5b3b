//! `POST /refresh`: the app's own way to a new access token. 401 means that the user has to sign in again.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::BODY_LIMIT;
use super::authorization::presented_client;
use super::error::OAuthError;
use super::presented_token::require_token;
use super::submitted::{FormOrJson, Submitted};
use super::token_response::token_response;
use crate::app::App;
use crate::domain::Client;
use crate::grant::refresh_token::{self, Refresh};
use crate::grant::{PresentedClient, authenticate, snapshot};

/// Answers `POST /refresh`.
pub async fn refresh(
    State(app): State<Arc<App>>,
    FormOrJson(request): FormOrJson<BODY_LIMIT>,
) -> Result<Response, OAuthError> {
    exchange(&app, &request).await.map_err(OAuthError::first_party)
}

async fn exchange(app: &App, request: &Submitted) -> Result<Response, OAuthError> {
    let params = &request.params;
    let client = asking_client(app, request).await?;
    let token = require_token(request, &app.config)?;
    let resources = params.all("resource")?;
    let refresh = Refresh {
        client: client.as_deref(),
        token: &token.text,
        scope: params.get("scope")?,
        resources,
        requester: &request.requester,
    };
    Ok(token_response(&refresh_token::grant(app, refresh).await?, token.delivery))
}

/// The client that a first-party request presents. An app's own screen need not say which client it is.
pub(super) async fn asking_client(app: &App, request: &Submitted) -> Result<Option<Arc<Client>>, OAuthError> {
    match presented_client(&request.headers, &request.params)? {
        PresentedClient::Nobody => Ok(None),
        presented => Ok(Some(authenticate(app, &*snapshot(app)?, &presented, &request.requester).await?)),
    }
}
