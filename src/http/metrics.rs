//! `GET /metrics`, for the addresses in `http.metrics_from` only.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};

use super::client_address::is_of_unknown_origin;
use super::error::OAuthError;
use crate::app::App;
use crate::domain::RequestContext;

/// Answers `/metrics` with any method. Clients that may not read it get 404.
pub async fn metrics(
    State(app): State<Arc<App>>,
    Extension(context): Extension<RequestContext>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let may_read = app.config.http.metrics_from.iter().any(|network| network.contains(&context.address));
    if !may_read || is_of_unknown_origin(context.address, context.peer, &headers) {
        return OAuthError::not_found().into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        let mut response = OAuthError::method_not_allowed().into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
        return response;
    }
    let mut response = Response::new(app.render_metrics().into());
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
