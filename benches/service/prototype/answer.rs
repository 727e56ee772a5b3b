//! What it answers: JSON of the members that the server's answers have.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::token::Claims;
use crate::seed::USERNAME;

/// The answer to a refresh.
#[derive(Serialize)]
pub struct Tokens<'a> {
    pub access_token: &'a str,
    pub token_type: &'static str,
    pub expires_in: i64,
    pub refresh_token: &'a str,
    pub scope: &'a str,
}

/// The answer to an introspection.
#[derive(Serialize)]
pub struct Introspection<'a> {
    active: bool,
    username: &'static str,
    token_type: &'static str,
    nbf: i64,
    #[serde(flatten)]
    claims: &'a Claims,
}

impl<'a> Introspection<'a> {
    pub fn of(claims: &'a Claims) -> Self {
        Self { active: true, username: USERNAME, token_type: "Bearer", nbf: claims.iat, claims }
    }
}

/// The answer of `/userinfo`.
#[derive(Serialize)]
pub struct UserInfo {
    pub sub: String,
    pub name: &'static str,
    pub email: &'static str,
    pub email_verified: bool,
    pub preferred_username: &'static str,
}

/// 200 with a body that isn't to be cached.
pub fn json(body: &impl Serialize) -> Response {
    let Ok(text) = serde_json::to_vec(body) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// The answer to a refresh that the statement carried out.
pub fn rotated(tokens: &Tokens<'_>) -> Response {
    let mut response = json(tokens);
    response.headers_mut().insert("refresh-verdict", HeaderValue::from_static("rotate"));
    response
}
