//! Requests that are answered before their body was read, for example with 404 or 413. In HTTP/1.1 the next request is behind
//! that body, so hyper closes the connection. `Connection: close` tells the client not to send another request on it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, Version, header};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

/// The answer of `answer`, with `Connection: close` if it didn't read the whole body (RFC 9112 §9.6).
pub(super) async fn answered<F>(request: Request<Incoming>, answer: impl FnOnce(Request<Body>) -> F) -> Response
where
    F: Future<Output = Response>,
{
    if request.version() >= Version::HTTP_2 || request.body().is_end_stream() {
        return answer(request.map(Body::new)).await;
    }
    let read = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| Body::new(TrackedBody { body, read: Arc::clone(&read) }));
    let mut response = answer(request).await;
    if !read.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that notes that it was read to its end.
struct TrackedBody {
    body: Incoming,
    read: Arc<AtomicBool>,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.read.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
