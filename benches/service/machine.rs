//! On what all this was measured.

use std::num::NonZero;
use std::{fs, thread};

use serde::Serialize;

use crate::number::float;

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    cores: usize,
    processor: Option<String>,
    memory_gib: Option<f64>,
    kernel: Option<String>,
    /// The PostgreSQL and what differs from its defaults, once it is known.
    pub postgres: Option<String>,
}

impl Machine {
    /// This one. What it doesn't tell is left out.
    pub fn here() -> Self {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |path: &str, name: &str| {
            let text = file(path);
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix(':'));
            value.map(|value| value.trim().to_owned())
        };
        let kibibytes = field("/proc/meminfo", "MemTotal");
        let kibibytes = kibibytes.and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
        Self {
            cores: thread::available_parallelism().map_or(1, NonZero::get),
            processor: field("/proc/cpuinfo", "model name"),
            memory_gib: kibibytes.map(|number| (float(number) / 1024.0 / 1024.0).round()),
            kernel: Some(file("/proc/sys/kernel/osrelease").trim().to_owned()).filter(|text| !text.is_empty()),
            postgres: None,
        }
    }
}
