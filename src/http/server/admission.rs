//! Which requests get as far as the handler. The others would cost memory before the handler could look at them.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Version, header};
use axum::response::Response;
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::conformity::{self, Fault};
use super::handler::{Handler, Peer, Rejection};
use super::unread;

/// The most bytes of a request's target and header fields together.
const MAX_HEAD: usize = 16 * 1024;

/// The most header fields. HTTP/1.1 has the same bound in hyper; HTTP/2 compresses a field to a byte.
const MAX_FIELDS: usize = 100;

/// A handler, and the limit on requests at once. In HTTP/2 one connection carries many, which must not multiply the memory that
/// all connections together can take.
#[derive(Clone)]
pub(super) struct Admission<H> {
    handler: H,
    requests: Arc<Semaphore>,
}

impl<H: Handler> Admission<H> {
    /// `requests` is shared by all workers.
    pub(super) fn new(handler: H, requests: Arc<Semaphore>) -> Self {
        Self { handler, requests }
    }

    /// The limit on requests at once, of all workers together.
    pub(super) fn requests(number: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS)))
    }

    pub(super) fn handler(&self) -> &H {
        &self.handler
    }

    /// The handler's answer, or a rejection. `fault` is what is wrong with the bytes of the request's head.
    pub(super) async fn answer(self, request: Request<Incoming>, peer: Peer, fault: Option<Fault>) -> Response {
        unread::answered(request, |request| self.admitted(request, peer, fault)).await
    }

    async fn admitted(self, request: Request<Body>, peer: Peer, fault: Option<Fault>) -> Response {
        if head_is_too_large(&request) {
            return self.handler.reject(Some(&request), peer, Rejection::HeadTooLarge);
        }
        if let Some(fault) = fault.or_else(|| conformity::fault(&request)) {
            let mut response = self.handler.reject(Some(&request), peer, Rejection::Malformed(fault));
            // What follows such a request on its connection may be a part of it.
            if request.version() < Version::HTTP_2 {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            return response;
        }
        let Ok(_permit) = self.requests.try_acquire() else {
            return self.handler.reject(Some(&request), peer, Rejection::Full);
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
