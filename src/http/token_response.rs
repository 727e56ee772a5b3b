//! The successful token response, RFC 6749 §5.1; in cookie mode refresh and device token go into cookies instead.

use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::json;
use super::origin::{set_cookie, set_device_cookie};
use crate::grant::{Issued, IssuedRefresh};

/// Where the refresh token goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Into the body.
    Body,
    /// Into the `__Host-` cookie, out of reach of the page's scripts.
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

/// Answers with tokens.
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
    if let Some(refresh) = &issued.refresh {
        add_headers(&mut response, refresh, delivery);
    }
    let in_cookie = issued.device.as_ref().filter(|_| delivery == Delivery::Cookie);
    if let Some(cookie) = in_cookie.and_then(|device| set_device_cookie(&device.token, device.lifetime)) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response.into_response()
}

fn add_headers(response: &mut Response, refresh: &IssuedRefresh, delivery: Delivery) {
    let headers = response.headers_mut();
    if let Some(verdict) = refresh.verdict {
        headers.insert("refresh-verdict", HeaderValue::from_static(verdict));
    }
    if delivery == Delivery::Cookie
        && let Some(cookie) = set_cookie(&refresh.token, refresh.lifetime)
    {
        headers.append(SET_COOKIE, cookie);
    }
}
