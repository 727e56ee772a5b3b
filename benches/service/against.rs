//! The server against another build of itself, by turns on one database: what a change costs.

use std::path::Path;

use crate::Failure;
use crate::number::median;
use crate::options::Options;
use crate::row::{Metric, ROWS, Row};
use crate::site::{Ask, Engine, Measured, Site};

/// How much of its speed a change may cost.
const MAY_COST: f64 = 0.02;

/// A turn of both builds.
struct Turn {
    other: Measured,
    ours: Measured,
}

impl Turn {
    /// Answers a second, against the other build's.
    fn rate(&self) -> f64 {
        self.ours.slice.rate / self.other.slice.rate
    }

    /// What each build could answer a second with one core, likewise. What others do on the machine disturbs it less.
    fn rate_of_a_core(&self) -> f64 {
        let of = |measured: &Measured| measured.slice.rate / measured.server_cpu;
        of(&self.ours) / of(&self.other)
    }
}

/// Measures the rows that were asked for against `program`, and prints a line for each.
pub async fn run(options: &Options, program: &Path) -> Result<bool, Failure> {
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let rows = ROWS.into_iter().filter(|row| row.metric == Metric::Rate);
        let rows: Vec<Row> = rows.filter(|row| row.engine == engine && options.wants(row.name)).collect();
        if rows.is_empty() {
            continue;
        }
        let site = Site::open(engine, options.sessions()).await?;
        for row in rows {
            println!("{}", describe(row.name, &turns(&site, row, options, program).await?));
        }
    }
    Ok(true)
}

/// The builds change places each round, so that neither always comes first.
async fn turns(site: &Site, row: Row, options: &Options, program: &Path) -> Result<Vec<Turn>, Failure> {
    let other = site.another(program).await?;
    let ask = Ask::server(row.workload, row.connections, options.time());
    let mut turns = Vec::new();
    for round in 0..options.rounds() {
        let (others_turn, our_turn) = (ask.of(&other), ask);
        turns.push(if round % 2 == 0 {
            let other = site.load(others_turn).await?.served()?;
            Turn { other, ours: site.load(our_turn).await?.served()? }
        } else {
            let ours = site.load(our_turn).await?.served()?;
            Turn { ours, other: site.load(others_turn).await?.served()? }
        });
    }
    Ok(turns)
}

fn describe(name: &str, turns: &[Turn]) -> String {
    let middle = |of: fn(&Turn) -> f64| median(turns.iter().map(of));
    let enough = |of: fn(&Turn) -> f64| turns.iter().filter(|turn| of(turn) >= 1.0 - MAY_COST).count();
    let rate = |of: fn(&Turn) -> &Measured| median(turns.iter().map(|turn| of(turn).slice.rate));
    let others = median(turns.iter().map(|turn| turn.ours.others_cpu.max(turn.other.others_cpu)));
    format!(
        "{name:<28} {:>8.0}/s of {:>8.0}/s  ratio {:.3} ({} of {} at least {:.2})  of a core {:.3} ({})  others {others:.0} %",
        rate(|turn| &turn.ours),
        rate(|turn| &turn.other),
        middle(Turn::rate),
        enough(Turn::rate),
        turns.len(),
        1.0 - MAY_COST,
        middle(Turn::rate_of_a_core),
        enough(Turn::rate_of_a_core),
    )
}
