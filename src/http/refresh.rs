//! `POST /refresh`: the app's own way to a new access token. 401 means that the user has to sign in again.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::BODY_LIMIT;
use super::authorization::presented_client;
use super::error::OAuthError;
use super::presented_token::{Presented, presented};
use super::refresh_cookie::HeldTokens;
use super::submitted::{FormOrJson, Submitted};
use super::token_response::{Delivery, token_response};
use crate::app::App;
use crate::domain::Client;
use crate::grant::refresh_token::{self, Refresh};
use crate::oauth::{InvalidGrant, PresentedClient, Refusal, Requested, authenticate, snapshot};

pub async fn refresh(
    State(app): State<Arc<App>>,
    FormOrJson(request): FormOrJson<BODY_LIMIT>,
) -> Result<Response, OAuthError> {
    first_party(&app, &request).await.map_err(OAuthError::first_party)
}

async fn first_party(app: &App, request: &Submitted) -> Result<Response, OAuthError> {
    let client = asking_client(app, request).await?;
    exchange(app, request, client.as_ref()).await
}

/// The client that a first-party request presents. It needn't present one.
pub(super) async fn asking_client(app: &App, request: &Submitted) -> Result<Option<Arc<Client>>, OAuthError> {
    match presented_client(&request.headers, &request.params)? {
        PresentedClient::Absent => Ok(None),
        presented => Ok(Some(authenticate(app, &*snapshot(app)?, &presented, &request.request_context).await?)),
    }
}

/// Exchanges a refresh token (RFC 6749 §6) at `/token` and `/refresh`.
pub(super) async fn exchange(
    app: &App,
    request: &Submitted,
    client: Option<&Arc<Client>>,
) -> Result<Response, OAuthError> {
    match presented(app, request, client).await? {
        Presented::InBody(token) => {
            let issued = refresh_token::grant(app, asked(request, client.map(Arc::as_ref), token)?).await?;
            Ok(token_response(&issued, Delivery::Body))
        }
        Presented::InCookies(held) => exchange_held(app, request, &held).await,
    }
}

/// Exchanges the first valid token. Only an invalid one leads to the next.
async fn exchange_held(app: &App, request: &Submitted, held: &HeldTokens<'_>) -> Result<Response, OAuthError> {
    let client = held.proven_client().map_err(Refusal::from)?;
    let mut refused = Refusal::from(InvalidGrant::NotSignedIn);
    for token in held.tokens() {
        match refresh_token::grant(app, asked(request, Some(client), token)?).await {
            Ok(issued) => {
                let mut response = token_response(&issued, Delivery::Cookie);
                if let Some(refresh) = &issued.refresh {
                    let places = held.places(app, client, token).await;
                    places.keep(&refresh.token, refresh.lifetime, response.headers_mut());
                }
                return Ok(response);
            }
            Err(refusal @ Refusal::InvalidGrant(_)) => refused = refusal,
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(refused.into())
}

fn asked<'a>(request: &'a Submitted, client: Option<&'a Client>, token: &'a str) -> Result<Refresh<'a>, OAuthError> {
    let requested = Requested::read(&request.params)?;
    Ok(Refresh { client, token, requested, request_context: &request.request_context })
}
