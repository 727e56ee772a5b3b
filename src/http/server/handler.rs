//! What the server asks for answers. It knows nothing else of what it serves.

use std::net::SocketAddr;

use axum::extract::Request;
use axum::response::Response;

/// The other end of the TCP connection: the client, or the proxy nearest to us. An
/// IPv4 address that reached an IPv6 socket is given as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What answers requests.
pub trait Handler: Clone + Send + Sync + 'static {
    /// The answer to one request.
    fn answer(self, request: Request, peer: Peer) -> impl Future<Output = Response> + Send;
}
