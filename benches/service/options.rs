//! The command line: what to measure and how long, and the parts that the benchmark runs in processes of their own.

use clap::{Parser, Subcommand, ValueEnum};

/// Measures the server against the limits of the machine.
#[derive(Debug, Parser)]
pub struct Options {
    /// Only rows whose name begins with one of these, such as refresh-postgres,introspect.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
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
    /// `cargo bench` says so to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
    /// A part of the benchmark, if it is one.
    #[command(subcommand)]
    pub part: Option<Part>,
}

/// What runs in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Part {
    /// The client: a job on standard input, what came of it on standard output.
    #[command(hide = true)]
    Load,
    /// A server that does nothing but answer.
    #[command(hide = true)]
    Bare,
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
        self.only.is_empty() || self.only.iter().any(|start| name.starts_with(start.as_str()))
    }

    /// How often baseline and server take turns.
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    /// How long each turn is measured, in seconds.
    pub fn seconds(&self) -> u64 {
        if self.quick { 1 } else { self.seconds.max(1) }
    }

    /// How many sessions the database holds.
    pub fn sessions(&self) -> u32 {
        if self.quick { 10_000 } else { self.sessions.max(10_000) }
    }
}
