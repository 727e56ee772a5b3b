//! Which requests get as far as the handler. What is refused here never reaches it: such a request would cost memory
//! before anybody could look at it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::conformity::{self, Fault};
use super::handler::{Handler, Peer};
use super::unread;

/// The most bytes of a request's target and header fields together.
const MAX_HEAD: usize = 16 * 1024;

/// The most header fields. HTTP/1.1 has the same bound in hyper; HTTP/2 compresses a field to a byte.
const MAX_FIELDS: usize = 100;

/// What is answered to a head larger than that.
pub(super) const HEAD_TOO_LARGE: &str =
    r#"{"error":"invalid_request","error_description":"the header fields of the request are too large"}"#;

/// What is answered when too many requests are running.
pub(super) const BUSY: &str =
    r#"{"error":"temporarily_unavailable","error_description":"too many requests are running, try again shortly"}"#;

/// What answers, and how many requests it may have at once. HTTP/2 lets one connection carry many of them, which must
/// not multiply the memory that all connections together can take.
#[derive(Clone)]
pub(super) struct Admission<H> {
    handler: H,
    requests: Arc<Semaphore>,
}

impl<H: Handler> Admission<H> {
    /// Lets what there is of `requests` through to `handler`.
    pub(super) fn new(handler: H, requests: Arc<Semaphore>) -> Self {
        Self { handler, requests }
    }

    /// The right to so many requests at once, for all workers together.
    pub(super) fn requests(number: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS)))
    }

    /// The handler's answer, or why it isn't asked. `fault` is what is wrong with the request's head as it was sent.
    pub(super) async fn answer(self, request: Request<Incoming>, peer: Peer, fault: Option<Fault>) -> Response {
        unread::answered(request, |request| self.admitted(request, peer, fault)).await
    }

    async fn admitted(self, request: Request<Body>, peer: Peer, fault: Option<Fault>) -> Response {
        if head_is_too_large(&request) {
            return refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, HEAD_TOO_LARGE.into(), peer);
        }
        if let Some(fault) = fault.or_else(|| conformity::fault(&request)) {
            return malformed(fault, request.version(), peer);
        }
        let Ok(_permit) = self.requests.try_acquire() else {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, BUSY.into(), peer);
        };
        self.handler.answer(request, peer).await
    }
}

/// Measures a head as HTTP/1.1 would write it, without the method and the version.
fn head_is_too_large<B>(request: &Request<B>) -> bool {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    request.headers().len() > MAX_FIELDS || fields.sum::<usize>() + target > MAX_HEAD
}

/// What follows such a request on its connection may be a part of it.
fn malformed(fault: Fault, version: Version, peer: Peer) -> Response {
    let body = format!(r#"{{"error":"invalid_request","error_description":"{}"}}"#, fault.description());
    let mut response = refusal(StatusCode::BAD_REQUEST, body.into(), peer);
    if version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn refusal(status: StatusCode, body: Body, peer: Peer) -> Response {
    tracing::info!(peer = %peer.0, status = status.as_u16(), "a request was refused before it was routed");
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    let mut response = (status, headers, body).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
