//! A run: what was asked for, on one database after the other, and what is left of it on paper.

use std::fs;

use crate::ask::Ask;
use crate::check;
use crate::costs;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::options::Options;
use crate::plot;
use crate::report::{CONNECTIONS, Point, Report, SWEPT};
use crate::row::{Finding, ROWS};
use crate::scale;
use crate::site::{Engine, Site};
use crate::table;

/// Measures what was asked for, prints it and writes it down. Whether every answer was right.
pub async fn run(options: &Options) -> Result<bool, Failure> {
    let machine = Machine::here();
    let sessions = options.sessions();
    let mut report = Report { machine, sessions, rows: Vec::new(), checks: Vec::new(), sweep: Vec::new() };
    for engine in [Engine::Postgres, Engine::Sqlite] {
        report.on(engine, options).await?;
        if options.wants(&format!("scale-{engine}")) {
            say(&format!("scale-{engine}"));
            report.checks.extend(scale::measure(engine, options).await?);
        }
    }
    print!("{}{}", table::text(&report), costs::text(&report.rows));
    report.write(options)?;
    let errors: Vec<String> = report.rows.iter().filter_map(Finding::error).collect();
    for error in &errors {
        eprintln!("service benchmark: {error}");
    }
    Ok(errors.is_empty())
}

impl Report {
    /// Measures on one database, with one server for all of it.
    async fn on(&mut self, engine: Engine, options: &Options) -> Result<(), Failure> {
        let wants = |name: &str| options.wants(&format!("{name}-{engine}"));
        let rows: Vec<_> = ROWS.into_iter().filter(|row| row.engine == engine && options.wants(row.name)).collect();
        if rows.is_empty() && !["sweep", "storm", "growth", "memory", "start"].into_iter().any(wants) {
            return Ok(());
        }
        say(&format!("filling {} sessions into {engine}", self.sessions));
        let mut site = Site::open(engine, self.sessions).await?;
        say(&format!("{} bytes on disk for each session", site.size().await? / u64::from(self.sessions)));
        if let Some(cluster) = &site.cluster {
            self.machine.postgres = Some(cluster.describe()?);
        }
        for row in rows {
            say(row.name);
            self.rows.push(row.measure(&site, options).await?);
        }
        if wants("sweep") {
            say(&format!("sweep-{engine}"));
            self.sweep.extend(sweep(engine, &site, options).await?);
        }
        if wants("storm") {
            say(&format!("storm-{engine}"));
            self.checks.push(check::storm(engine, &site, options).await?);
        }
        if wants("growth") {
            say(&format!("growth-{engine}"));
            self.checks.extend(check::growth(engine, &site, options).await?);
        }
        if wants("memory") {
            self.checks.push(check::used(engine, &site)?);
        }
        if wants("start") {
            say(&format!("start-{engine}"));
            self.checks.extend(check::start(engine, &mut site).await?);
        }
        Ok(())
    }

    fn write(&self, options: &Options) -> Result<(), Failure> {
        fs::create_dir_all(&options.output)?;
        let json = options.output.join("performance.json");
        fs::write(&json, serde_json::to_string_pretty(self)? + "\n")?;
        say(&format!("written: {}", json.display()));
        if !self.sweep.is_empty() {
            let svg = options.output.join("performance.svg");
            fs::write(&svg, plot::svg(&self.sweep))?;
            say(&format!("written: {}", svg.display()));
        }
        Ok(())
    }
}

async fn sweep(engine: Engine, site: &Site, options: &Options) -> Result<Vec<Point>, Failure> {
    let mut points = Vec::new();
    for workload in SWEPT {
        for connections in CONNECTIONS {
            let measured = site.load(Ask::server(workload, connections, options.time())).await?.served()?;
            points.push(Point { engine, workload, connections, measured });
        }
    }
    Ok(points)
}

/// Progress, apart from what was found.
fn say(what: &str) {
    eprintln!("{what}");
}
