//! `POST /token`: the token endpoint, RFC 6749 §3.2.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::BODY_LIMIT;
use super::authorization::presented_client;
use super::device::{device, device_tokens};
use super::error::OAuthError;
use super::refresh::exchange;
use super::submitted::Form;
use super::token_response::{Delivery, token_response};
use crate::app::App;
use crate::domain::Grant;
use crate::grant::password::SignIn;
use crate::grant::{authenticate, client_credentials, password, snapshot};

pub async fn token(State(app): State<Arc<App>>, Form(request): Form<BODY_LIMIT>) -> Result<Response, OAuthError> {
    let presented = presented_client(&request.headers, &request.params)?;
    let registry = snapshot(&app)?;
    let grant_type = request.params.require("grant_type", "The grant_type is missing.")?;
    let client = authenticate(&app, &registry, &presented, &request.request_context).await?;
    let grant = grant_type.parse::<Grant>().map_err(|_| OAuthError::unsupported_grant_type())?;
    let params = &request.params;
    let (scope, resources) = (params.get("scope")?, params.all("resource")?);
    match grant {
        Grant::Password => {
            let sign_in = SignIn {
                username: params.require("username", "The username is missing.")?,
                password: params.require("password", "The password is missing.")?,
                scope,
                resources,
                device: device(&request)?,
                device_tokens: device_tokens(&request, &client, &app.config)?,
                request_context: &request.request_context,
            };
            Ok(token_response(&password::grant(&app, &client, sign_in).await?, Delivery::Body))
        }
        Grant::RefreshToken => exchange(&app, &request, Some(&client)).await,
        Grant::ClientCredentials => {
            let issued = client_credentials::grant(&app, &registry, &client, scope, &resources)?;
            Ok(token_response(&issued, Delivery::Body))
        }
    }
}
