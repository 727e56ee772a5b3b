//! What each row is compared with, measured in the same run, by turns with the server.

use std::fs;
use std::time::Duration;

use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::ask::Ask;
use crate::failure::Failure;
use crate::measured::Measured;
use crate::number::{percentile, rate};
use crate::options::Raw;
use crate::postgres::Cluster;
use crate::process::{Process, line, part};
use crate::site::Site;
use crate::workload::Workload;

/// What a row is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// pgbench: one row by key, one transaction each, on so many connections.
    Pgbench(usize),
    /// SQLite in process: one row by key, one transaction each.
    Sqlite,
    /// The bare server, sent the same requests.
    Bare,
    /// The prototype, sent the same requests with tokens of its own.
    Prototype,
    /// The time of a request to the bare server and the time of an ES256 signature.
    BareAndSignature,
    /// argon2id hashes on all cores.
    Argon2,
}

/// How fast it is.
#[derive(Clone, Debug, Serialize)]
pub struct Standard {
    /// How often a second.
    pub rate: f64,
    /// The median time of one, in milliseconds, where it has one.
    pub p50: Option<f64>,
    /// What else was measured, where it is a server that is asked.
    pub measured: Option<Measured>,
}

/// As wide as a session, on pages with as much room.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS bench_rows \
     (id BIGINT PRIMARY KEY, hash BYTEA NOT NULL, n BIGINT NOT NULL, padding TEXT NOT NULL) WITH (fillfactor = 75)";

const FILL: &str = "INSERT INTO bench_rows SELECT id, sha256(id::text::bytea), 1, repeat('x', 300) \
     FROM generate_series(1, $1) AS id ON CONFLICT DO NOTHING";

const SCRIPT: &str = "\\set id random(1, :rows)\nUPDATE bench_rows SET hash = '\\x\
     000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', n = n + 1 WHERE id = :id;\n";

const DATABASE: &str = "baseline";

impl Baseline {
    /// Makes what it needs.
    pub async fn prepare(self, site: &Site) -> Result<(), Failure> {
        let (Self::Pgbench(_), Some(cluster)) = (self, &site.cluster) else { return Ok(()) };
        let mut connection = PgConnection::connect(&cluster.url("postgres")).await?;
        let exists = "SELECT 1 FROM pg_database WHERE datname = $1";
        if sqlx::query(exists).bind(DATABASE).fetch_optional(&mut connection).await?.is_none() {
            sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {DATABASE}"))).execute(&mut connection).await?;
        }
        connection.close().await?;
        let mut connection = PgConnection::connect(&cluster.url(DATABASE)).await?;
        sqlx::raw_sql(CREATE).execute(&mut connection).await?;
        sqlx::query(FILL).bind(i64::from(site.sessions)).execute(&mut connection).await?;
        sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut connection).await?;
        sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Measures it once; the bare server by a workload on so many connections.
    pub async fn measure(
        self,
        site: &Site,
        (workload, connections): (Workload, usize),
        time: Duration,
    ) -> Result<Standard, Failure> {
        let ask = async |ask| -> Result<Standard, Failure> {
            let measured = site.load(ask).await?.served()?;
            let (rate, p50) = (measured.slice.rate, Some(measured.slice.p50));
            Ok(Standard { rate, p50, measured: Some(measured) })
        };
        let bare = Ask::bare(workload, connections, time);
        match self {
            Self::Pgbench(clients) => {
                let cluster = site.cluster.as_ref().ok_or("pgbench needs PostgreSQL")?;
                pgbench(cluster, clients, site.sessions, time).await
            }
            Self::Sqlite => raw(Raw::Sqlite, time, site.sessions).await,
            Self::Argon2 => raw(Raw::Argon2, time, site.sessions).await,
            Self::Bare => ask(bare).await,
            Self::Prototype => ask(Ask::prototype(workload, connections, time)).await,
            Self::BareAndSignature => {
                // At its limit the bare server fills all cores for 1 / rate of a second a request, and all cores together
                // need 1 / rate of a second a signature: both add up, as both are done on the same cores.
                let (bare, sign) = (ask(bare).await?, raw(Raw::Sign, time, site.sessions).await?);
                Ok(Standard { rate: 1.0 / (1.0 / bare.rate + 1.0 / sign.rate), p50: None, measured: bare.measured })
            }
        }
    }
}

async fn raw(what: Raw, time: Duration, rows: u32) -> Result<Standard, Failure> {
    let (name, seconds, rows) = (format!("{what:?}").to_lowercase(), time.as_secs().to_string(), rows.to_string());
    let (process, mut output) = Process::printing(&mut part(&["raw", &name, &seconds, &rows])?)?;
    let rate = line(&mut output).await?.parse()?;
    process.end()?;
    Ok(Standard { rate, p50: None, measured: None })
}

/// Runs for a second longer than `time`, and counts only the last `time`, as the client does.
async fn pgbench(cluster: &Cluster, clients: usize, rows: u32, time: Duration) -> Result<Standard, Failure> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let script = directory.path().join("script.sql");
    fs::write(&script, SCRIPT)?;
    let mut command = cluster.client("pgbench");
    command.current_dir(directory.path()).args(["-n", "-M", "prepared", "-l", "--log-prefix=log", "-f"]).arg(script);
    command.args(["-c", &clients.to_string(), "-j", &clients.min(2).to_string()]);
    command.args(["-T", &(time.as_secs() + 1).to_string(), "-D", &format!("rows={rows}"), DATABASE]);
    let (process, mut output) = Process::printing(&mut command)?;
    while output.next_line().await?.is_some() {}
    process.end()?;

    let mut transactions = Vec::new();
    for file in fs::read_dir(directory.path())? {
        let file = file?.path();
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log")) {
            transactions.extend(fs::read_to_string(file)?.lines().filter_map(transaction));
        }
    }
    let end = transactions.iter().map(|(at, _)| *at).max().ok_or("pgbench did nothing")?;
    let begin = end.saturating_sub(time);
    let mut micros: Vec<u32> =
        transactions.into_iter().filter(|(at, _)| *at > begin).map(|(_, micros)| micros).collect();
    micros.sort_unstable();
    Ok(Standard { rate: rate(micros.len(), time), p50: Some(percentile(&micros, 500)), measured: None })
}

/// When a transaction ended, since 1970, and the microseconds that it took, from a line of pgbench's log.
fn transaction(line: &str) -> Option<(Duration, u32)> {
    let [_client, _number, took, _script, seconds, micros] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let at = Duration::from_secs(seconds.parse().ok()?) + Duration::from_micros(micros.parse().ok()?);
    Some((at, took.parse().ok()?))
}
