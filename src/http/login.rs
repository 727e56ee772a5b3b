//! `POST /login`: the app's own sign-in screen.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::LOGIN_BODY_LIMIT;
use super::authorization::presented_client;
use super::device::{device_cookies, device_places};
use super::error::OAuthError;
use super::page::{Page, refuse_cross_site_cookie, refuse_foreign_page, require_page_of};
use super::refresh_cookie::places_of_sign_in;
use super::submitted::{FormOrJson, Submitted};
use super::token_response::{Delivery, token_response};
use crate::app::App;
use crate::domain::Client;
use crate::grant::password;
use crate::oauth::{Issued, PresentedClient, Requested, authenticate, snapshot};
use crate::sign_in::password::TypedPassword;

pub async fn login(
    State(app): State<Arc<App>>,
    FormOrJson(request): FormOrJson<LOGIN_BODY_LIMIT>,
) -> Result<Response, OAuthError> {
    sign_in(&app, &request).await.map_err(OAuthError::first_party)
}

async fn sign_in(app: &App, request: &Submitted) -> Result<Response, OAuthError> {
    refuse_foreign_page(app, &*snapshot(app)?, &request.headers)?;
    let params = &request.params;
    let typed = TypedPassword::read(params, &request.request_context)?;
    let in_cookies = params.flag("cookie")?;
    if in_cookies {
        refuse_cross_site_cookie(&request.headers)?;
    }
    let client = asking_client(app, request).await?;
    let device_cookies = device_cookies(&request.headers, &client, &app.config);
    let issued =
        password::grant(app, &client, &Requested::read(params)?, typed.or_device_tokens(device_cookies)).await?;
    if in_cookies {
        Ok(answer_in_cookies(app, request, &client, &issued).await)
    } else {
        Ok(token_response(&issued, Delivery::Body))
    }
}

/// The client that the request names, or else the configured one; the page must be one that may speak for it.
async fn asking_client(app: &App, request: &Submitted) -> Result<Arc<Client>, OAuthError> {
    let presented = match presented_client(&request.headers, &request.params)? {
        PresentedClient::Absent => PresentedClient::Named { id: app.config.login.client.to_string() },
        presented => presented,
    };
    let registry = snapshot(app)?;
    let client = authenticate(app, &registry, &presented, &request.request_context).await?;
    if Page::of(&request.headers) != Page::None {
        require_page_of(app, &registry, &request.headers, Some(&client))?;
    }
    Ok(client)
}

async fn answer_in_cookies(app: &App, request: &Submitted, client: &Client, issued: &Issued) -> Response {
    let mut response = token_response(issued, Delivery::Cookie);
    if let Some(refresh) = &issued.refresh {
        let places = places_of_sign_in(app, &request.headers, client).await;
        places.keep(&refresh.token, refresh.lifetime, response.headers_mut());
    }
    if let Some(device) = &issued.device {
        let places = device_places(app, &request.headers, device.user_id);
        places.keep(&device.token, device.lifetime, response.headers_mut());
    }
    response
}
