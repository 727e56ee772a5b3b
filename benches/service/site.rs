//! All that a measurement needs, on one database: the database filled, the server, the bare server, and the client's job.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tempfile::TempDir;
use tokend::store::{PoolSize, Store};

use crate::failure::Failure;
use crate::http::Connection;
use crate::load::{BEGIN, END, Job, Slice};
use crate::postgres::Cluster;
use crate::process::{Process, line, part};
use crate::seed::{self, ACCESS_TOKENS, REFRESH_TOKENS, Target};
use crate::server::Server;
use crate::usage::{Meter, Of, memory};
use crate::workload::{self, Workload};

/// How long the client asks before it counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// How many access tokens are asked about.
const MINTED: usize = 10_000;

/// Where the sessions are.
const DATABASE: &str = "postgres";
const SQLITE: &str = "data/tokend.db";
const SQLITE_LOG: &str = "data/tokend.db-wal";

const SIZE: &str = "SELECT pg_total_relation_size('sessions')";
const UPDATES: &str = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'";

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

/// What the client asks, and whom.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    workload: Workload,
    connections: usize,
    to_bare: bool,
    other: Option<(SocketAddr, u32)>,
    duration: Duration,
    warm_up: Duration,
    pace: Duration,
}

impl Ask {
    /// The server, as fast as it answers.
    pub fn server(workload: Workload, connections: usize, duration: Duration) -> Self {
        Self { workload, connections, to_bare: false, other: None, duration, warm_up: WARM_UP, pace: Duration::ZERO }
    }

    /// The server that only answers, likewise.
    pub fn bare(workload: Workload, connections: usize, duration: Duration) -> Self {
        Self { to_bare: true, ..Self::server(workload, connections, duration) }
    }

    /// Another server on the same database.
    pub fn of(self, other: &Server) -> Self {
        Self { other: Some((other.address, other.id())), ..self }
    }

    /// Counting only after so long.
    pub fn after(self, warm_up: Duration) -> Self {
        Self { warm_up, ..self }
    }

    /// See [`Job::pace`].
    pub fn at_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }
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
    /// What anybody else used meanwhile: the less of it, the more the numbers are worth.
    pub others_cpu: f64,
    /// The memory of the asked server afterwards, in MiB.
    pub resident: f64,
}

impl Measured {
    /// What was measured, if no answer was wrong.
    pub fn right(self) -> Result<Self, Failure> {
        self.slice.first_error.as_deref().map_or(Ok(()), Err)?;
        Ok(self)
    }

    /// What was measured, if each answer was what was asked for.
    pub fn served(self) -> Result<Self, Failure> {
        if self.slice.refused > 0 {
            return Err(format!("the server refused {} requests", self.slice.refused).into());
        }
        self.right()
    }
}

/// Everything in place. What is stopped first when it is dropped stands first.
pub struct Site {
    /// The server.
    pub server: Server,
    bare: (Process, SocketAddr),
    /// The PostgreSQL, if it is one.
    pub cluster: Option<Cluster>,
    database: String,
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
                let url = cluster.url(DATABASE);
                let store = Store::open_postgres(&url, POOL).await?;
                let target = Target::Postgres(PgConnection::connect(&url).await?);
                (Some(cluster), url, store, target)
            }
            Engine::Sqlite => {
                let path = directory.path().join(SQLITE);
                let store = Store::open_sqlite(&path).await?;
                let target = SqliteConnectOptions::new().filename(&path).connect().await?;
                (None, format!("sqlite:{}", path.display()), store, Target::Sqlite(target))
            }
        };
        store.migrate(&seed::trail_keys()?).await?;
        seed::register(&store).await?;
        store.close().await;
        let tokens = seed::fill(&mut target, sessions).await?;
        target.settle().await?;
        fs::write(directory.path().join(REFRESH_TOKENS), tokens.as_flattened())?;

        let server = Server::start(&database, directory.path()).await?;
        let (bare, mut output) = Process::printing(&mut part(&["bare"])?)?;
        let bare = (bare, line(&mut output).await?.parse()?);
        let site = Self { server, bare, cluster, database, sessions, directory };
        site.mint().await?;
        Ok(site)
    }

    /// Starts another build of the server on the same database.
    pub async fn another(&self, program: &Path) -> Result<Server, Failure> {
        Server::start_build(program, &self.database, self.directory.path()).await
    }

    /// Stops the server as an operator would and starts it again. The time from its start to its first answer.
    pub async fn restart(&mut self) -> Result<Duration, Failure> {
        let tokens = fs::read_to_string(self.directory.path().join(ACCESS_TOKENS))?;
        let request = workload::introspect(tokens.lines().next().ok_or("there are no access tokens")?);
        self.server.stop()?;
        let begin = Instant::now();
        self.server = Server::start(&self.database, self.directory.path()).await?;
        let mut connection = Connection::open(self.server.address).await?;
        let answer = connection.exchange(&request).await?;
        let took = begin.elapsed();
        if workload::is_right(Workload::Introspect, &answer) { Ok(took) } else { Err(answer.describe().into()) }
    }

    /// The bytes on disk of the sessions, or of the whole database where it is a file with its log.
    pub async fn size(&self) -> Result<u64, Failure> {
        let Some(cluster) = &self.cluster else {
            let length = |name: &str| fs::metadata(self.directory.path().join(name)).map_or(0, |file| file.len());
            return Ok(length(SQLITE) + length(SQLITE_LOG));
        };
        let mut connection = PgConnection::connect(&cluster.url(DATABASE)).await?;
        let size: i64 = sqlx::query_scalar(SIZE).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(u64::try_from(size)?)
    }

    /// How many updates of sessions PostgreSQL has counted, and how many of them touched no index (HOT).
    pub async fn updates(&self) -> Result<Option<(u64, u64)>, Failure> {
        let Some(cluster) = &self.cluster else { return Ok(None) };
        let mut connection = PgConnection::connect(&cluster.url(DATABASE)).await?;
        let (all, hot): (i64, i64) = sqlx::query_as(UPDATES).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(Some((u64::try_from(all)?, u64::try_from(hot)?)))
    }

    /// Lets the client ask, and watches what everybody uses while it counts.
    pub async fn load(&self, ask: Ask) -> Result<Measured, Failure> {
        let Ask { workload, connections, to_bare, other, duration, warm_up, pace } = ask;
        let ours = if to_bare { (self.bare.1, self.bare.0.id()) } else { (self.server.address, self.server.id()) };
        let (address, process) = other.unwrap_or(ours);
        let job = Job { address, workload, to_bare, connections, warm_up, duration, pace, ..self.job() };
        let (client, mut output) = Process::given(&mut part(&["load"])?, &serde_json::to_string(&job)?)?;
        expect(BEGIN, &line(&mut output).await?)?;
        let postmaster = self.cluster.as_ref().map(Cluster::postmaster).transpose()?;
        let of_database = postmaster.map(|id| Meter::start(Of::Family(id))).transpose()?;
        let (of_server, of_client) = (Meter::start(Of::Process(process))?, Meter::start(Of::Process(client.id()))?);
        let of_everybody = Meter::start(Of::Everybody)?;
        expect(END, &line(&mut output).await?)?;
        let (server_cpu, client_cpu) = (of_server.per_cent()?, of_client.per_cent()?);
        let database_cpu = of_database.map(|meter| meter.per_cent()).transpose()?;
        let others_cpu = of_everybody.per_cent()? - server_cpu - client_cpu - database_cpu.unwrap_or(0.0);
        let slice: Slice = serde_json::from_str(&line(&mut output).await?)?;
        client.end()?;
        let resident = memory(process)?.resident;
        Ok(Measured { slice, server_cpu, database_cpu, client_cpu, others_cpu: others_cpu.max(0.0), resident })
    }

    /// Gets access tokens by refreshing.
    async fn mint(&self) -> Result<(), Failure> {
        let job = Job { mint: Some(MINTED), ..self.job() };
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
            pace: Duration::ZERO,
        }
    }
}

fn expect(sign: &str, line: &str) -> Result<(), Failure> {
    if line == sign { Ok(()) } else { Err(format!("the client says {line} instead of {sign}").into()) }
}
