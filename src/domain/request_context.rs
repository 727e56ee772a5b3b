//! Who sends a request, as far as the wire tells. Not who they say they are.

use std::net::IpAddr;

/// Where a request came from, and the number under which the log knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The address, as far as it can be believed.
    pub address: IpAddr,
    /// The beginning of its `User-Agent`.
    pub user_agent: Option<String>,
    /// `X-Request-Id` of the answer.
    pub request_id: String,
}
