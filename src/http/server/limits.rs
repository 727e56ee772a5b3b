//! The bounds that every connection is held to.

use std::time::Duration;

/// The bounds of time and number that every connection is held to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a TLS handshake, for the first request's head, and for every later head from its first byte on.
    pub header_timeout: Duration,
    /// For a connection that has answered all that it was asked; also the time that a client has to take an answer.
    pub idle_timeout: Duration,
    /// For requests that are running when the server is told to stop.
    pub shutdown_timeout: Duration,
    /// Connections served at once; more of them wait in the system's queue. Also the requests that may run at once on
    /// all of them together; more of them, which takes HTTP/2, are answered with 503.
    pub max_connections: usize,
}
