//! What else runs on the machine while a row is measured. The benchmark starts it before the first turn and ends it after the last.

use std::num::NonZero;
use std::os::unix::process::parent_id;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::failure::Failure;
use crate::postgres::Cluster;
use crate::process::{Output, Process, complete, part};

/// How often a busy loop looks whether the benchmark still runs.
const GLANCE: Duration = Duration::from_millis(100);

/// A million rows: more than the second PostgreSQL's shared buffers hold.
const SCALE: &str = "10";

/// Longer than any row takes.
const FOREVER: &str = "100000";

/// What else runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Company {
    /// Nothing.
    Nobody,
    /// One busy loop for each processor.
    BusyLoops,
    /// A second PostgreSQL on the same disk, with two clients of pgbench that write.
    Writer,
}

/// It runs until this is dropped. What is ended first stands first.
pub struct Present {
    _processes: Vec<(Process, Output)>,
    _cluster: Option<Cluster>,
}

impl Company {
    /// Starts it.
    pub fn start(self) -> Result<Present, Failure> {
        match self {
            Self::Nobody => Ok(Present { _processes: Vec::new(), _cluster: None }),
            Self::BusyLoops => {
                let processors = thread::available_parallelism().map_or(1, NonZero::get);
                let busy = (0..processors).map(|_| Process::printing(&mut part(&["busy"])?));
                Ok(Present { _processes: busy.collect::<Result<_, _>>()?, _cluster: None })
            }
            Self::Writer => {
                let cluster = Cluster::start()?;
                complete(cluster.client("pgbench").args(["-i", "-q", "-s", SCALE, "postgres"]))?;
                let mut writer = cluster.client("pgbench");
                writer.args(["-c", "2", "-N", "-n", "-T", FOREVER, "postgres"]);
                Ok(Present { _processes: vec![Process::printing(&mut writer)?], _cluster: Some(cluster) })
            }
        }
    }
}

/// A busy loop, until the process that started it is gone.
pub fn busy() {
    let parent = parent_id();
    while parent_id() == parent {
        let begin = Instant::now();
        while begin.elapsed() < GLANCE {
            std::hint::spin_loop();
        }
    }
}
