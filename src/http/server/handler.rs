//! What the server asks for answers. It knows nothing else of what it serves.

use std::net::SocketAddr;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use super::conformity::Fault;

/// The other end of the TCP connection: the client, or the proxy nearest to us. An
/// IPv4 address that reached an IPv6 socket is given as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What answers requests.
pub trait Handler: Clone + Send + Sync + Unpin + 'static {
    /// The answer to one request. Every answer has an `X-Request-Id`.
    fn answer(self, request: Request, peer: Peer) -> impl Future<Output = Response> + Send;

    /// The answer to a request that the server doesn't let through. `request` is its head, if that could be read.
    fn reject(&self, request: Option<&Request>, peer: Peer, rejection: Rejection) -> Response;
}

/// Why a request isn't let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Its head could be read, and is larger than that of any honest client.
    HeadTooLarge,
    /// Two readers could understand it differently.
    Malformed(Fault),
    /// Its head could not be read. The answer has this status and no body.
    Unreadable(StatusCode),
    /// As many requests run as [`Limits::max_connections`](super::Limits::max_connections) allows.
    Full,
}
