//! CORS: which pages may read the answers of which endpoints.

use std::time::Duration;

use axum::http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::super::edge::REQUEST_ID;
use super::super::page::{Page, warn_of_refusal};
use crate::app::App;
use crate::config::Config;

/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_AGE: Duration = Duration::from_mins(10);

/// What lets a page read an answer that [`may_be_read`].
pub(super) fn layer(config: &Config) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(config.http.allowed_headers.clone())
        .expose_headers([REQUEST_ID, RETRY_AFTER, WWW_AUTHENTICATE, HeaderName::from_static("refresh-verdict")])
        .max_age(PREFLIGHT_AGE)
}

/// Whether the page that asks may read the answer: its origin is the issuer's, a configured one, or a client's own.
pub(super) fn may_be_read(app: &App, headers: &HeaderMap) -> bool {
    let page = Page::of(headers);
    if page == Page::None {
        return false;
    }
    // Even a stale registry will do: the page should be able to read the 503.
    let may = page.may_read(&app.registry.latest(), &app.config);
    if !may {
        warn_of_refusal(app, headers, None);
    }
    may
}
