//! The server against another build of itself, by turns on one database: what a change costs.

use std::path::Path;

use crate::ask::Ask;
use crate::baseline::Baseline;
use crate::company::Company;
use crate::failure::Failure;
use crate::measured::Measured;
use crate::number::{float, median};
use crate::options::Options;
use crate::row::{Metric, ROWS, Row};
use crate::site::{Engine, Site};

/// How much of its speed a change may cost.
const MAY_COST: f64 = 0.02;

/// How often each build has its turn in a round.
const TURNS: usize = 8;

/// Turns of both builds, of which neither comes earlier on average: theirs, ours, ours, theirs, theirs and so on.
#[derive(Default)]
struct Round {
    other: Vec<Measured>,
    ours: Vec<Measured>,
}

impl Round {
    /// Answers a second, against the other build's.
    fn rate(&self) -> f64 {
        rate(&self.ours) / rate(&self.other)
    }

    /// What each build could answer a second with one core, likewise. What others do on the machine disturbs it less.
    fn rate_of_a_core(&self) -> f64 {
        let of = |turns: &[Measured]| rate(turns) / turns.iter().map(|turn| turn.server_cpu).sum::<f64>();
        of(&self.ours) / of(&self.other)
    }

    fn others_cpu(&self) -> f64 {
        self.ours.iter().chain(&self.other).map(|turn| turn.others_cpu).fold(0.0, f64::max)
    }
}

fn rate(turns: &[Measured]) -> f64 {
    turns.iter().map(|turn| turn.slice.rate).sum::<f64>() / float(turns.len() as u64)
}

/// Measures the rows that were asked for against `program`, and prints a line for each.
pub async fn run(options: &Options, program: &Path) -> Result<bool, Failure> {
    for engine in [Engine::Postgres, Engine::Sqlite] {
        // Another baseline alone makes no other row: both builds are asked the same.
        let is_another = |row: &Row| row.baseline != Baseline::Prototype || row.company != Company::Nobody;
        let rows = ROWS.into_iter().filter(|row| row.metric == Metric::Rate && is_another(row));
        let rows: Vec<Row> = rows.filter(|row| row.engine == engine && options.wants(row.name)).collect();
        if rows.is_empty() {
            continue;
        }
        let site = Site::open(engine, options.sessions()).await?;
        for row in rows {
            println!("{}", describe(row.name, &rounds(&site, row, options, program).await?));
        }
    }
    Ok(true)
}

async fn rounds(site: &Site, row: Row, options: &Options, program: &Path) -> Result<Vec<Round>, Failure> {
    let other = site.another(program).await?;
    let _company = row.company.start()?;
    let ours = Ask::server(row.workload, row.connections, options.time());
    let others = ours.of(&other);
    let mut rounds = Vec::new();
    for _ in 0..options.rounds() {
        let mut round = Round::default();
        for turn in 0..TURNS {
            for first in [true, false] {
                if first == (turn % 2 == 0) {
                    round.other.push(site.load(others).await?.served()?);
                } else {
                    round.ours.push(site.load(ours).await?.served()?);
                }
            }
        }
        rounds.push(round);
    }
    Ok(rounds)
}

fn describe(name: &str, rounds: &[Round]) -> String {
    let ratios = |of: fn(&Round) -> f64| {
        let ratios: Vec<f64> = rounds.iter().map(of).collect();
        let enough = ratios.iter().filter(|ratio| **ratio >= 1.0 - MAY_COST).count();
        let listed: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        format!(
            "{:.3}, {enough} of {} at least {:.2}: {}",
            median(ratios),
            rounds.len(),
            1.0 - MAY_COST,
            listed.join(" ")
        )
    };
    let both = |of: &dyn Fn(&Measured) -> Option<f64>| {
        let middle = |turns: fn(&Round) -> &[Measured]| median(rounds.iter().flat_map(turns).filter_map(of));
        format!("{:.1} of {:.1}", middle(|round| &round.ours), middle(|round| &round.other))
    };
    format!(
        "{name}: {:.0}/s of {:.0}/s, others {:.0} %\n  ratio     {}\n  of a core {}\n  µs each   server {}, database {}",
        median(rounds.iter().map(|round| rate(&round.ours))),
        median(rounds.iter().map(|round| rate(&round.other))),
        median(rounds.iter().map(Round::others_cpu)),
        ratios(Round::rate),
        ratios(Round::rate_of_a_core),
        both(&|turn| Some(turn.server_micros())),
        both(&Measured::database_micros),
    )
}
