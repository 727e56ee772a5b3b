//! The rows of the table: what is measured, against what, and how far it has to get.

use serde::Serialize;

use crate::ask::Ask;
use crate::baseline::{Baseline, Standard};
use crate::bound::Bound;
use crate::company::Company;
use crate::failure::Failure;
use crate::measured::Measured;
use crate::number::median;
use crate::options::Options;
use crate::site::{Engine, Site};
use crate::workload::{MANY, Workload};

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
    /// What else runs on the machine meanwhile.
    pub company: Company,
    /// How it is compared.
    pub metric: Metric,
    /// How many times the baseline it has to be.
    pub must: f64,
    /// How many times the baseline it is meant to be.
    pub aim: f64,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Answers a second: the more the better.
    Rate,
    /// The median latency: the less the better.
    Latency,
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
    /// How many times the baseline the server is, in the middle of the rounds.
    pub ratio: f64,
    /// The rounds.
    pub rounds: Vec<Round>,
}

/// Log-ins in flight: more than cores, and fewer than would wait for too long.
const LOGINS: usize = 16;

/// Every row.
pub const ROWS: [Row; 16] = {
    use Baseline::{Argon2, Bare, BareAndSignature, Pgbench, Prototype, Sqlite as OneRow};
    use Engine::{Postgres, Sqlite};
    use Workload::{ClientCredentials, Introspect, Login, Refresh, Userinfo};
    [
        row("refresh-postgres", Postgres, Refresh, Pgbench(32), (1.2, 1.6)),
        Row {
            connections: 1,
            metric: Metric::Latency,
            ..row("refresh-latency-postgres", Postgres, Refresh, Pgbench(1), (2.0, 1.4))
        },
        row("refresh-postgres-prototype", Postgres, Refresh, Prototype, (0.88, 1.0)),
        Row { company: Company::BusyLoops, ..row("refresh-postgres-busy", Postgres, Refresh, Prototype, (0.85, 1.0)) },
        Row { company: Company::Writer, ..row("refresh-postgres-writer", Postgres, Refresh, Prototype, (0.8, 1.0)) },
        row("introspect-postgres", Postgres, Introspect, Bare, (0.4, 0.6)),
        row("introspect-postgres-prototype", Postgres, Introspect, Prototype, (0.88, 1.0)),
        row("userinfo-postgres", Postgres, Userinfo, Bare, (0.4, 0.6)),
        row("userinfo-postgres-prototype", Postgres, Userinfo, Prototype, (0.88, 1.0)),
        row("client-credentials-postgres", Postgres, ClientCredentials, BareAndSignature, (0.78, 0.9)),
        Row { connections: LOGINS, ..row("login-postgres", Postgres, Login, Argon2, (0.93, 0.98)) },
        row("refresh-sqlite", Sqlite, Refresh, OneRow, (3.0, 5.0)),
        row("introspect-sqlite", Sqlite, Introspect, Bare, (0.58, 0.7)),
        row("userinfo-sqlite", Sqlite, Userinfo, Bare, (0.58, 0.7)),
        row("client-credentials-sqlite", Sqlite, ClientCredentials, BareAndSignature, (0.78, 0.9)),
        Row { connections: LOGINS, ..row("login-sqlite", Sqlite, Login, Argon2, (0.93, 0.98)) },
    ]
};

const fn row(
    name: &'static str,
    engine: Engine,
    workload: Workload,
    baseline: Baseline,
    (must, aim): (f64, f64),
) -> Row {
    Row {
        name,
        engine,
        workload,
        connections: MANY,
        baseline,
        company: Company::Nobody,
        metric: Metric::Rate,
        must,
        aim,
    }
}

impl Row {
    /// Measures baseline and server by turns.
    pub async fn measure(self, site: &Site, options: &Options) -> Result<Finding, Failure> {
        self.baseline.prepare(site).await?;
        let _company = self.company.start()?;
        let mut rounds = Vec::new();
        for _ in 0..options.rounds() {
            let baseline = self.baseline.measure(site, (self.workload, self.connections), options.time()).await?;
            let server = site.load(Ask::server(self.workload, self.connections, options.time())).await?;
            rounds.push(Round { baseline, server });
        }
        let ratio = median(rounds.iter().map(|round| self.metric.ratio(round)));
        Ok(Finding { row: self, ratio, rounds })
    }
}

impl Metric {
    fn ratio(self, round: &Round) -> f64 {
        let (server, baseline) = (&round.server.slice, &round.baseline);
        match self {
            Self::Rate => server.rate / baseline.rate,
            Self::Latency => server.p50 / baseline.p50.unwrap_or(f64::NAN),
        }
    }

    /// Which side of the goals is the good one.
    pub fn bound(self) -> Bound {
        match self {
            Self::Rate => Bound::AtLeast,
            Self::Latency => Bound::AtMost,
        }
    }
}

impl Finding {
    /// Something of the server, in the middle of the rounds.
    pub fn server(&self, what: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(|round| what(&round.server)))
    }

    /// Something of the baseline, in the middle of the rounds.
    pub fn baseline(&self, what: impl Fn(&Standard) -> f64) -> f64 {
        median(self.rounds.iter().map(|round| what(&round.baseline)))
    }

    /// What went wrong, if something did. To be refused is an error where nobody asked for too much.
    pub fn error(&self) -> Option<String> {
        let wrong = |round: &Round| round.server.slice.errors + round.server.slice.refused;
        let number: usize = self.rounds.iter().map(wrong).sum();
        let first = self.rounds.iter().find_map(|round| round.server.slice.first_error.as_deref());
        (number > 0).then(|| format!("{}: {number} answers were wrong; {}", self.row.name, first.unwrap_or("503")))
    }
}
