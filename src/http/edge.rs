//! What every request and answer gets, whatever answers: a context, a log line, a request id and security headers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, USER_AGENT, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tracing::Level;
use uuid::fmt::Hyphenated;

use super::client_address::resolve;
use super::error::{Cause, OAuthError};
use super::server::Rejection;
use crate::config::Config;
use crate::current_request;
use crate::domain::RequestContext;
use crate::random;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The route of a request whose path no endpoint has, or that is refused before its path matters.
pub(super) const UNKNOWN: &str = "(none)";

/// As much of a `User-Agent` as is kept, in bytes.
const MAX_USER_AGENT: usize = 256;

/// The context of a request for that route.
pub(super) fn context(config: &Config, peer: SocketAddr, headers: &HeaderMap, route: &'static str) -> RequestContext {
    let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    RequestContext {
        request_id: request_id(config, peer, headers),
        address: resolve(peer, headers, &config.http),
        peer: peer.ip().to_canonical(),
        user_agent: user_agent.map(|agent| agent.get(..MAX_USER_AGENT).unwrap_or(agent).into()),
        route,
    }
}

/// A new id, or the one that a trusted proxy sent.
fn request_id(config: &Config, peer: SocketAddr, headers: &HeaderMap) -> Arc<str> {
    let from_proxy = config.http.trusted_proxies.iter().any(|net| net.contains(&peer.ip().to_canonical()));
    let sent = headers.get(REQUEST_ID).filter(|_| from_proxy).and_then(|id| id.to_str().ok());
    let is_plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let own = || Arc::from(&*random::uuid().hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]));
    sent.filter(is_plain).map_or_else(own, Arc::from)
}

/// Logs the request and adds the headers of every answer. Call it inside the request's [`current_request`] scope.
pub(super) fn finish(
    response: Response,
    context: &RequestContext,
    method: &str,
    begun: Instant,
    config: &Config,
) -> Response {
    log(level_of(response.status()), &response, context, method, begun);
    complete(response, context, config)
}

/// Adds the headers of every answer.
fn complete(mut response: Response, context: &RequestContext, config: &Config) -> Response {
    secure(response.headers_mut(), config.issuer.is_https());
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The answer to a request that no endpoint is asked to answer.
pub(super) fn reject(config: &Config, request: Option<&Request>, peer: SocketAddr, rejection: Rejection) -> Response {
    let (begun, none) = (Instant::now(), HeaderMap::new());
    let method = request.map_or("(none)", |request| method_name(request.method()));
    let context = context(config, peer, request.map_or(&none, Request::headers), UNKNOWN);
    let answer = || {
        let response = OAuthError::from(rejection).into_response();
        // A refused request, also where the status says 503: a full server warns once a minute instead.
        log(Level::INFO, &response, &context, method, begun);
        complete(response, &context, config)
    };
    current_request::sync_scope(Arc::clone(&context.request_id), answer)
}

/// Adds each security header that the handler hasn't set: a page has a policy of its own.
fn secure(headers: &mut HeaderMap, is_https: bool) {
    let default = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    let over_tls = is_https.then_some((STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    for (name, value) in default.into_iter().chain(over_tls) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// The method for the log. A method that HTTP doesn't define is client input of any length, so it isn't shown.
pub(super) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        _ => "(other)",
    }
}

/// Refused requests are logged by default. Successful ones may be ten thousand a second, so they are logged at debug.
fn level_of(status: StatusCode) -> Level {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => Level::ERROR,
        _ if status.is_server_error() => Level::WARN,
        _ if status.is_client_error() => Level::INFO,
        _ => Level::DEBUG,
    }
}

fn log(level: Level, response: &Response, context: &RequestContext, method: &str, begun: Instant) {
    let RequestContext { address, route, .. } = context;
    let status = response.status().as_u16();
    // As a text, which is escaped: the cause may quote a message of the database.
    let cause = || response.extensions().get::<Cause>().map(Cause::to_string);
    let milliseconds = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                %method, route, status, %address, milliseconds = milliseconds(), cause = cause(), "request"
            )
        };
    }
    match level {
        Level::ERROR => line!(error),
        Level::WARN => line!(warn),
        Level::INFO => line!(info),
        _ => line!(debug),
    }
}
