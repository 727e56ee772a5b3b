//! The command line: what to measure and how long, and the parts that the benchmark runs in processes of their own.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

/// What isn't measured unless it is asked for.
const SLOW: [&str; 2] = ["scale", "growth"];

/// Measures the server against the limits of the machine.
#[derive(Debug, Parser)]
pub struct Options {
    /// Only rows whose name begins with one of these, such as refresh-postgres,introspect.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Also the rows that take long: scale and growth.
    #[arg(long)]
    all: bool,
    /// How often baseline and server take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each turn is measured, after a second of warm-up.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How many sessions the database holds.
    #[arg(long, default_value_t = 100_000)]
    sessions: u32,
    /// One round of one second on 10,000 sessions: whether everything works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// How many sessions the rows of scale have instead.
    #[arg(long, default_value_t = 2_000_000)]
    pub many_sessions: u32,
    /// How many refreshes the rows of growth watch.
    #[arg(long, default_value_t = 10_000_000)]
    pub refreshes: usize,
    /// The directory for performance.json and performance.svg.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    pub output: PathBuf,
    /// Another build of the program: measures nothing but what this one costs against it, by turns.
    #[arg(long, value_name = "PROGRAM")]
    pub against: Option<PathBuf>,
    /// `cargo bench` says so to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
    /// A part of the benchmark, if it is one.
    #[command(subcommand)]
    pub part: Option<Part>,
}

/// What runs in a process of its own.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Part {
    /// The client: a job on standard input, what came of it on standard output.
    #[command(hide = true)]
    Load,
    /// A server that does nothing but answer.
    #[command(hide = true)]
    Bare,
    /// A server that only does what it can't do without.
    #[command(hide = true)]
    Prototype {
        /// The address of its database.
        database: String,
    },
    /// A busy loop.
    #[command(hide = true)]
    Busy,
    /// What the machine does without a server.
    #[command(hide = true)]
    Raw {
        /// What.
        what: Raw,
        /// For how long.
        seconds: u64,
        /// On a table of how many rows.
        rows: u32,
    },
}

/// What is measured without a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Raw {
    /// Durable transactions of one row on SQLite.
    Sqlite,
    /// ES256 signatures on all cores.
    Sign,
    /// argon2id hashes on all cores.
    Argon2,
}

impl Options {
    /// Whether a row was asked for.
    pub fn wants(&self, name: &str) -> bool {
        let is_slow = SLOW.iter().any(|slow| name.starts_with(slow));
        let is_named = self.only.iter().any(|start| name.starts_with(start.as_str()));
        is_named || (self.only.is_empty() && (self.all || !is_slow))
    }

    /// How often baseline and server take turns.
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    /// How long each turn is measured.
    pub fn time(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { self.seconds.max(1) })
    }

    /// How many sessions the database holds.
    pub fn sessions(&self) -> u32 {
        if self.quick { 10_000 } else { self.sessions.max(10_000) }
    }
}
