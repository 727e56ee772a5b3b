//! Public documents that may be cached, with an `ETag` (RFC 9110 §8.8.3).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::SecretHash;

/// Well below the time for which a new signing key is published before it signs.
const FOR_FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A JSON text, or 304 if the request's `If-None-Match` names it.
pub fn json(request: &HeaderMap, text: String) -> Response {
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(SecretHash::of(text.as_bytes()).as_bytes()));
    let mut response = if is_known(request, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        super::json::json(StatusCode::OK, text)
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, FOR_FIVE_MINUTES);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    response
}

fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let lines = request.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
