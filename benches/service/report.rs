//! What a run finds.

use serde::Serialize;

use crate::check::Check;
use crate::machine::Machine;
use crate::measured::Measured;
use crate::row::Finding;
use crate::site::Engine;
use crate::workload::Workload;

/// All that was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// On what.
    pub machine: Machine,
    /// With how many sessions.
    pub sessions: u32,
    /// The rows.
    pub rows: Vec<Finding>,
    /// The single numbers.
    pub checks: Vec<Check>,
    /// The sweep.
    pub sweep: Vec<Point>,
}

/// A point of the sweep.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// On which database.
    pub engine: Engine,
    /// What was asked.
    pub workload: Workload,
    /// On how many connections.
    pub connections: usize,
    /// What was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

/// On how many connections the sweep asks.
pub const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

/// What the sweep asks.
pub const SWEPT: [Workload; 3] = [Workload::Refresh, Workload::Introspect, Workload::Userinfo];
