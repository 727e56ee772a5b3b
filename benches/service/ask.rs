//! What the client asks, and whom.

use std::net::SocketAddr;
use std::time::Duration;

use crate::server::Server;
use crate::workload::Workload;

/// How long the client asks before it counts.
pub const WARM_UP: Duration = Duration::from_secs(1);

/// Whom the client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The server.
    Server,
    /// The server that only answers.
    Bare,
    /// The prototype.
    Prototype,
    /// Another server on the same database: its address and the number of its process.
    Other(SocketAddr, u32),
}

/// What the client asks, and whom.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub workload: Workload,
    pub connections: usize,
    pub whom: Whom,
    pub duration: Duration,
    pub warm_up: Duration,
    pub pace: Duration,
}

impl Ask {
    /// The server, as fast as it answers.
    pub fn server(workload: Workload, connections: usize, duration: Duration) -> Self {
        Self { workload, connections, whom: Whom::Server, duration, warm_up: WARM_UP, pace: Duration::ZERO }
    }

    /// The server that only answers, likewise.
    pub fn bare(workload: Workload, connections: usize, duration: Duration) -> Self {
        Self { whom: Whom::Bare, ..Self::server(workload, connections, duration) }
    }

    /// The prototype, likewise.
    pub fn prototype(workload: Workload, connections: usize, duration: Duration) -> Self {
        Self { whom: Whom::Prototype, ..Self::server(workload, connections, duration) }
    }

    /// Another server on the same database.
    pub fn of(self, other: &Server) -> Self {
        Self { whom: Whom::Other(other.address, other.id()), ..self }
    }

    /// Counting only after so long.
    pub fn after(self, warm_up: Duration) -> Self {
        Self { warm_up, ..self }
    }

    /// See [`Job::pace`](crate::load::Job::pace).
    pub fn at_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }
}
