//! The client: many connections on one thread, each of which sends, reads, checks and sends again (a closed loop).
//! Only where more is asked than a server can do, each connection asks at a pace of its own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::failure::Failure;
use crate::http::Connection;
use crate::number::{percentile, rate};
use crate::script::{Outcome, Repeat, Rotate, Script};
use crate::workload::Workload;

/// What is printed when what is measured begins, and when it ends.
pub const BEGIN: &str = "begin";
/// See [`BEGIN`].
pub const END: &str = "end";

/// How long answers that are under way at the end may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the client has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Whom to ask.
    pub address: SocketAddr,
    /// What to ask.
    pub workload: Workload,
    /// Whether it is the bare server that is asked.
    pub to_bare: bool,
    /// On how many connections at once.
    pub connections: usize,
    /// How long to ask before it counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub duration: Duration,
    /// Where the tokens are.
    pub data: PathBuf,
    /// How many access tokens to get by refreshing, instead of going on until the time is up.
    pub mint: Option<usize>,
    /// How long a connection lets pass between two requests, if it doesn't ask as fast as it is answered.
    pub pace: Duration,
}

/// What came of it. Latencies are in milliseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Slice {
    /// Right answers.
    pub answers: usize,
    /// Right answers a second.
    pub rate: f64,
    /// What half of the answers took at most.
    pub p50: f64,
    /// What 99 of 100 took at most.
    pub p99: f64,
    /// What 999 of 1,000 took at most.
    pub p999: f64,
    /// Answers that said that the server has too much to do.
    pub refused: usize,
    /// Answers that were wrong, and connections that broke.
    pub errors: usize,
    /// The first of them.
    pub first_error: Option<String>,
}

/// What one connection saw.
#[derive(Default)]
struct Tally {
    micros: Vec<u32>,
    refused: usize,
    errors: usize,
    first_error: Option<String>,
}

/// When a connection asks, and when what is measured begins and ends.
#[derive(Clone, Copy)]
struct Schedule {
    first: Instant,
    pace: Duration,
    begin: Instant,
    end: Instant,
}

/// Reads a job from standard input, does it and prints what came of it.
pub async fn run() -> Result<(), Failure> {
    let job: Job = serde_json::from_reader(std::io::stdin())?;
    let scripts = match job.workload {
        Workload::Refresh => {
            Rotate::of(&job.data, job.connections, job.mint)?.into_iter().map(Script::Rotate).collect()
        }
        other => Repeat::of(other, job.to_bare, &job.data, job.connections)?,
    };
    let mut connections = Vec::with_capacity(scripts.len());
    for _ in &scripts {
        connections.push(Connection::open(job.address).await?);
    }
    let (mut first, step) = (Instant::now(), job.pace / u32::try_from(scripts.len().max(1))?);
    let begin = first + job.warm_up;
    let end = begin + job.duration;
    let mut running = JoinSet::new();
    for (connection, script) in connections.into_iter().zip(scripts) {
        running.spawn(converse(connection, script, Schedule { first, pace: job.pace, begin, end }));
        first += step;
    }
    if job.mint.is_none() {
        sleep_until(begin).await;
        say(BEGIN)?;
        sleep_until(end).await;
        say(END)?;
    }
    let ended = timeout_at(end + PATIENCE, running.join_all());
    let ended = ended.await.map_err(|_| "the server left requests without an answer")?;
    let (scripts, tallies): (Vec<Script>, Vec<Tally>) = ended.into_iter().unzip();
    if job.workload == Workload::Refresh {
        Rotate::store(scripts.iter().filter_map(Script::rotate), &job.data)?;
    }
    say(&serde_json::to_string(&summary(tallies, job.duration))?)
}

/// Says a script until it or the time ends.
async fn converse(mut connection: Connection, mut script: Script, schedule: Schedule) -> (Script, Tally) {
    let (mut tally, mut due) = (Tally::default(), schedule.first);
    while let Some(request) = script.request() {
        if !schedule.pace.is_zero() {
            sleep_until(due).await;
        }
        let sent = Instant::now();
        due = sent + schedule.pace;
        if sent >= schedule.end {
            break;
        }
        let answer = match connection.exchange(request).await {
            Ok(answer) => answer,
            Err(error) => {
                tally.error(|| error.to_string());
                break;
            }
        };
        let received = Instant::now();
        match script.check(&answer) {
            Outcome::Wrong => tally.error(|| answer.describe()),
            _ if received < schedule.begin || received >= schedule.end => {}
            Outcome::Served => tally.micros.push(u32::try_from((received - sent).as_micros()).unwrap_or(u32::MAX)),
            Outcome::Refused => tally.refused += 1,
        }
    }
    (script, tally)
}

impl Tally {
    fn error(&mut self, describe: impl FnOnce() -> String) {
        self.errors += 1;
        self.first_error.get_or_insert_with(describe);
    }
}

fn summary(tallies: Vec<Tally>, duration: Duration) -> Slice {
    let mut all = Tally::default();
    for mut tally in tallies {
        all.micros.append(&mut tally.micros);
        all.refused += tally.refused;
        all.errors += tally.errors;
        all.first_error = all.first_error.or(tally.first_error);
    }
    all.micros.sort_unstable();
    Slice {
        answers: all.micros.len(),
        rate: rate(all.micros.len(), duration),
        p50: percentile(&all.micros, 500),
        p99: percentile(&all.micros, 990),
        p999: percentile(&all.micros, 999),
        refused: all.refused,
        errors: all.errors,
        first_error: all.first_error,
    }
}

fn say(line: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}
