//! The rows of the table: what is measured, against what, and how far it has to get.

use std::time::Duration;

use serde::Serialize;

use crate::Failure;
use crate::baseline::{Baseline, Standard};
use crate::number::median;
use crate::options::Options;
use crate::site::{Asked, Engine, Measured, Site};
use crate::table;
use crate::workload::Workload;

/// A row: the server against its baseline.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Row {
    /// What it is called.
    pub name: &'static str,
    /// On which database.
    pub engine: Engine,
    /// What is asked.
    pub workload: Workload,
    /// On how many connections.
    pub connections: usize,
    /// What it is compared with.
    pub baseline: Baseline,
    /// How many times the baseline it has to be.
    pub must: f64,
    /// How many times the baseline it is meant to be.
    pub aim: f64,
}

/// A turn of both.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// The baseline.
    pub baseline: Standard,
    /// The server.
    pub server: Measured,
}

/// A row and its rounds, of which there is one at least.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The row.
    #[serde(flatten)]
    pub row: Row,
    /// The rounds.
    pub rounds: Vec<Round>,
}

/// Connections at which throughput is compared.
const MANY: usize = 64;

/// Log-ins in flight: more than cores, and fewer than would wait for too long.
const LOGINS: usize = 16;

const fn row(name: &'static str, engine: Engine, workload: Workload, baseline: Baseline, goals: (f64, f64)) -> Row {
    let connections = if matches!(workload, Workload::Login) { LOGINS } else { MANY };
    Row { name, engine, workload, connections, baseline, must: goals.0, aim: goals.1 }
}

const ROWS: [Row; 10] = {
    use Baseline::{Argon2, Bare, BareAndSignature, Pgbench, Sqlite as OneRow};
    use Engine::{Postgres, Sqlite};
    use Workload::{ClientCredentials, Introspect, Login, Refresh, Userinfo};
    [
        row("refresh-postgres", Postgres, Refresh, Pgbench(32), (1.5, 2.5)),
        row("introspect-postgres", Postgres, Introspect, Bare, (0.4, 0.6)),
        row("userinfo-postgres", Postgres, Userinfo, Bare, (0.4, 0.6)),
        row("client-credentials-postgres", Postgres, ClientCredentials, BareAndSignature, (0.75, 0.9)),
        row("login-postgres", Postgres, Login, Argon2, (0.93, 0.98)),
        row("refresh-sqlite", Sqlite, Refresh, OneRow, (3.0, 5.0)),
        row("introspect-sqlite", Sqlite, Introspect, Bare, (0.5, 0.7)),
        row("userinfo-sqlite", Sqlite, Userinfo, Bare, (0.5, 0.7)),
        row("client-credentials-sqlite", Sqlite, ClientCredentials, BareAndSignature, (0.75, 0.9)),
        row("login-sqlite", Sqlite, Login, Argon2, (0.93, 0.98)),
    ]
};

/// Measures the rows that were asked for, prints the table, and says whether every answer was right.
pub async fn run(options: &Options) -> Result<bool, Failure> {
    let mut findings = Vec::new();
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let rows: Vec<Row> = ROWS.into_iter().filter(|row| row.engine == engine && options.wants(row.name)).collect();
        if rows.is_empty() {
            continue;
        }
        eprintln!("filling {} sessions into {engine}", options.sessions());
        let site = Site::open(engine, options.sessions()).await?;
        site.describe()?;
        for row in rows {
            eprintln!("measuring {}", row.name);
            findings.push(measure(row, &site, options).await?);
        }
    }
    print!("{}", table::text(&findings));
    let errors: Vec<String> = findings.iter().filter_map(Finding::error).collect();
    for error in &errors {
        eprintln!("service benchmark: {error}");
    }
    Ok(errors.is_empty())
}

async fn measure(row: Row, site: &Site, options: &Options) -> Result<Finding, Failure> {
    let time = Duration::from_secs(options.seconds());
    row.baseline.prepare(site).await?;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds() {
        let baseline = row.baseline.measure(site, row.workload, row.connections, time).await?;
        let server = site.load(row.workload, row.connections, Asked::Server, time).await?;
        rounds.push(Round { baseline, server });
    }
    Ok(Finding { row, rounds })
}

impl Finding {
    /// How many times the baseline the server is, in the middle of the rounds.
    pub fn ratio(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.server.slice.rate / round.baseline.rate))
    }

    /// Something of the server, in the middle of the rounds.
    pub fn server(&self, what: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(|round| what(&round.server)))
    }

    /// What went wrong, if something did. To be refused is an error where nobody asked for too much.
    fn error(&self) -> Option<String> {
        let wrong = |round: &Round| round.server.slice.errors + round.server.slice.refused;
        let number: usize = self.rounds.iter().map(wrong).sum();
        let first = self.rounds.iter().find_map(|round| round.server.slice.first_error.as_deref());
        (number > 0).then(|| format!("{}: {number} answers were wrong; {}", self.row.name, first.unwrap_or("503")))
    }
}
