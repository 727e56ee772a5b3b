//! `POST /revoke`: RFC 7009 for the owning client; for an administrator any token, and sessions in bulk.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use uuid::Uuid;

use super::BODY_LIMIT;
use super::authorization::presented_client;
use super::error::OAuthError;
use super::json;
use super::page::Page;
use super::submitted::Form;
use crate::app::App;
use crate::domain::{SessionId, UserId};
use crate::oauth::{authenticate, snapshot};
use crate::revocation::{Bulk, revoke_bulk, revoke_token};

/// The parameters that name what an administrator ends.
const BULK: [&str; 4] = ["sid", "sub", "username", "of_client"];

/// Answers `POST /revoke`. `token_type_hint` is no help here and ignored: a token's form says what it is.
pub async fn revoke(State(app): State<Arc<App>>, Form(request): Form<BODY_LIMIT>) -> Result<Response, OAuthError> {
    let presented = presented_client(&request.headers, &request.params)?;
    let client = authenticate(&app, &*snapshot(&app)?, &presented, &request.request_context).await?;
    let params = &request.params;
    let mut bulk = Vec::new();
    for name in BULK {
        bulk.extend(params.get(name)?.map(|value| (name, value)));
    }
    match (params.word("token")?, bulk.as_slice()) {
        (Some(token), []) => {
            revoke_token(&app, &client, token, &request.request_context).await?;
            Ok(json::no_store_bytes("{}"))
        }
        (None, [_]) if Page::of(&request.headers) != Page::None => Err(OAuthError::not_for_pages()),
        (None, [_]) if !client.is_admin() => Err(OAuthError::not_permitted("The client is no administrator.")),
        (None, [(name, value)]) => {
            let revoked = match parse_bulk(name, value) {
                Some(bulk) => revoke_bulk(&app, &client, bulk, &request.request_context).await?,
                None => 0,
            };
            Ok(json::no_store_bytes(format!(r#"{{"revoked":{revoked}}}"#)))
        }
        (None, []) => Err(OAuthError::invalid_request("The token is missing.")),
        _ => Err(OAuthError::invalid_request("The request names more than one thing to revoke.")),
    }
}

/// What the parameter names. `None` for a value that no session, user or client can have.
fn parse_bulk(name: &str, value: &str) -> Option<Bulk> {
    match name {
        "sid" => value.parse().ok().map(SessionId).map(Bulk::Session),
        "username" => value.parse().ok().map(Bulk::Username),
        "of_client" => value.parse().ok().map(Bulk::Client),
        // A user's. The subject of a client's own tokens is the client, for which there is `of_client`.
        _ => value.trim().parse::<Uuid>().ok().map(|id| Bulk::User(UserId(id))),
    }
}
