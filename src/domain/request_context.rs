//! What is known of a request before anybody has read what it asks for. Made once, where it comes in.

use std::net::IpAddr;
use std::sync::Arc;

/// Where a request comes from and what it is called. Cheap to clone. It says nothing of who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The answer's `X-Request-Id`: letters, digits, `-`, `_` and `.`.
    pub request_id: Arc<str>,
    /// The client's address: the peer's, or the one that trusted proxies forwarded.
    pub address: IpAddr,
    /// The other end of the connection: the client, or a proxy.
    pub peer: IpAddr,
    /// The beginning of its `User-Agent`.
    pub user_agent: Option<Arc<str>>,
    /// The template of its route, such as `/x/{id}`.
    pub route: &'static str,
}
