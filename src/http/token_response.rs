//! The successful token response, RFC 6749 §5.1. In cookie mode the endpoint sets refresh and device token as cookies instead.

use axum::http::HeaderValue;
use axum::response::Response;
use serde::Serialize;

use super::json;
use crate::oauth::Issued;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Body,
    /// Into a `__Host-` cookie, out of reach of the page's scripts.
    Cookie,
}

#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<&'a str>,
}

pub fn token_response(issued: &Issued, delivery: Delivery) -> Response {
    let in_body = issued.refresh.as_ref().filter(|_| delivery == Delivery::Body);
    let device = issued.device.as_ref().filter(|_| delivery == Delivery::Body);
    let body = TokenResponse {
        access_token: issued.access_token.reveal(),
        token_type: "Bearer",
        expires_in: issued.expires_in,
        refresh_token: in_body.map(|refresh| refresh.token.reveal()),
        scope: issued.scope.to_string(),
        device_token: device.map(|device| device.token.reveal()),
    };
    let mut response = json::no_store(&body);
    if let Some(verdict) = issued.refresh.as_ref().and_then(|refresh| refresh.verdict) {
        response.headers_mut().insert("refresh-verdict", HeaderValue::from_static(verdict));
    }
    response
}
