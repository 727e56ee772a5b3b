//! All that a measurement needs, on one database: the database filled, the server, the bare server, and the client's job.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tempfile::TempDir;
use tokend::store::{PoolSize, Store};

use crate::Failure;
use crate::load::{BEGIN, END, Job, Slice};
use crate::postgres::{Cluster, SETTINGS};
use crate::process::{Process, line, part};
use crate::seed::{self, REFRESH_TOKENS, Target};
use crate::server::Server;
use crate::usage::{Meter, memory};
use crate::workload::Workload;

/// How long the client asks before it counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// The access tokens that are asked about.
const ACCESS_TOKENS: usize = 10_000;

const POOL: PoolSize = PoolSize { max_connections: 2, acquire_timeout: Duration::from_secs(10) };

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A server.
    Postgres,
    /// A file.
    Sqlite,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        })
    }
}

/// Whom the client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The server.
    Server,
    /// The server that only answers.
    Bare,
}

/// What was measured in one turn.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// What the client saw.
    #[serde(flatten)]
    pub slice: Slice,
    /// What the asked server, the database and the client used, in per cent of one core.
    pub server_cpu: f64,
    /// See `server_cpu`; nothing where the database is in the server.
    pub database_cpu: Option<f64>,
    /// See `server_cpu`.
    pub client_cpu: f64,
    /// The memory of the asked server afterwards, in MiB.
    pub resident: f64,
}

/// Everything in place. What is stopped first when it is dropped stands first.
pub struct Site {
    /// The server.
    pub server: Server,
    bare: (Process, SocketAddr),
    /// The PostgreSQL, if it is one.
    pub cluster: Option<Cluster>,
    /// How many sessions there are.
    pub sessions: u32,
    directory: TempDir,
}

impl Site {
    /// Makes the database, fills it, starts the servers and gets the access tokens.
    pub async fn open(engine: Engine, sessions: u32) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new().prefix("tokend-bench.").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let (cluster, database, store, mut target) = match engine {
            Engine::Postgres => {
                let cluster = Cluster::start()?;
                let url = cluster.url("postgres");
                let store = Store::open_postgres(&url, POOL).await?;
                let target = Target::Postgres(PgConnection::connect(&url).await?);
                (Some(cluster), url, store, target)
            }
            Engine::Sqlite => {
                let path = directory.path().join("data/tokend.db");
                let store = Store::open_sqlite(&path).await?;
                let target = SqliteConnectOptions::new().filename(&path).connect().await?;
                (None, format!("sqlite:{}", path.display()), store, Target::Sqlite(target))
            }
        };
        store.migrate().await?;
        seed::register(&store).await?;
        store.close().await;
        let tokens = seed::fill(&mut target, sessions).await?;
        target.settle().await?;
        fs::write(directory.path().join(REFRESH_TOKENS), tokens.as_flattened())?;

        let server = Server::start(&database, directory.path()).await?;
        let (bare, mut output) = Process::printing(&mut part(&["bare"])?)?;
        let bare = (bare, line(&mut output).await?.parse()?);
        let site = Self { server, bare, cluster, sessions, directory };
        site.mint().await?;
        Ok(site)
    }

    /// Says what was started, where it matters for the numbers.
    pub fn describe(&self) -> Result<(), Failure> {
        if let Some(cluster) = &self.cluster {
            eprintln!("{}, default settings but {}", cluster.version()?, SETTINGS.join(", "));
        }
        Ok(())
    }

    /// Asks for `duration`, after a warm-up.
    pub async fn load(
        &self,
        workload: Workload,
        connections: usize,
        asked: Asked,
        duration: Duration,
    ) -> Result<Measured, Failure> {
        let (address, process) = match asked {
            Asked::Server => (self.server.address, self.server.id()),
            Asked::Bare => (self.bare.1, self.bare.0.id()),
        };
        let job = Job { address, workload, to_bare: asked == Asked::Bare, connections, duration, ..self.job() };
        let (client, mut output) = Process::given(&mut part(&["load"])?, &serde_json::to_string(&job)?)?;
        expect(BEGIN, &line(&mut output).await?)?;
        let postmaster = self.cluster.as_ref().map(Cluster::postmaster).transpose()?;
        let (of_server, of_client) = (Meter::of(process)?, Meter::of(client.id())?);
        let of_database = postmaster.map(Meter::of_family).transpose()?;
        expect(END, &line(&mut output).await?)?;
        let (server_cpu, client_cpu) = (of_server.per_cent()?, of_client.per_cent()?);
        let database_cpu = of_database.map(|meter| meter.per_cent()).transpose()?;
        let slice: Slice = serde_json::from_str(&line(&mut output).await?)?;
        client.end()?;
        Ok(Measured { slice, server_cpu, database_cpu, client_cpu, resident: memory(process)?.resident })
    }

    /// Gets access tokens by refreshing.
    async fn mint(&self) -> Result<(), Failure> {
        let job = Job { mint: Some(ACCESS_TOKENS), ..self.job() };
        let (client, mut output) = Process::given(&mut part(&["load"])?, &serde_json::to_string(&job)?)?;
        let slice: Slice = serde_json::from_str(&line(&mut output).await?)?;
        client.end()?;
        slice.first_error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn job(&self) -> Job {
        Job {
            address: self.server.address,
            workload: Workload::Refresh,
            to_bare: false,
            connections: 16,
            warm_up: WARM_UP,
            duration: Duration::from_secs(30),
            data: self.directory.path().to_owned(),
            mint: None,
        }
    }
}

fn expect(sign: &str, line: &str) -> Result<(), Failure> {
    if line == sign { Ok(()) } else { Err(format!("the client says {line} instead of {sign}").into()) }
}
