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
use tokio::sync::OnceCell;

use crate::ask::{Ask, WARM_UP, Whom};
use crate::batches;
use crate::failure::Failure;
use crate::http::Connection;
use crate::load::{BEGIN, END, Job, Slice};
use crate::measured::Measured;
use crate::postgres::Cluster;
use crate::process::{Process, line, part};
use crate::prototype;
use crate::seed::{self, ACCESS_TOKENS, REFRESH_TOKENS, Target};
use crate::server::Server;
use crate::usage::{Meter, Of, memory};
use crate::workload::{self, Workload};

/// How many access tokens are asked about.
const MINTED: usize = 10_000;

/// Where the sessions are.
const DATABASE: &str = "postgres";
/// Where the prototype has its own.
const DATABASE_OF_PROTOTYPE: &str = "prototype";
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

/// The prototype, which has a database and tokens of its own.
struct Prototype {
    process: Process,
    address: SocketAddr,
    data: TempDir,
}

/// Everything in place. What is stopped first when it is dropped stands first.
pub struct Site {
    /// The server.
    pub server: Server,
    bare: (Process, SocketAddr),
    prototype: OnceCell<Prototype>,
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
        let site = Self { server, bare, prototype: OnceCell::new(), cluster, database, sessions, directory };
        mint(site.job()).await?;
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
        let Ask { workload, connections, whom, duration, warm_up, pace } = ask;
        let to_bare = whom == Whom::Bare;
        let (address, process, data) = self.asked(whom).await?;
        let data = data.to_owned();
        let job = Job { address, workload, to_bare, connections, warm_up, duration, data, pace, ..self.job() };
        let (client, mut output) = Process::given(&mut part(&["load"])?, &serde_json::to_string(&job)?)?;
        expect(BEGIN, &line(&mut output).await?)?;
        let counted = if to_bare { None } else { Some(batches::counted(address).await?) };
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
        let batches = match counted {
            Some(before) => batches::between(&before, &batches::counted(address).await?),
            None => None,
        };
        let others_cpu = others_cpu.max(0.0);
        Ok(Measured { slice, server_cpu, database_cpu, client_cpu, others_cpu, resident, batches })
    }

    /// The address of who is asked, the number of its process, and the directory with its tokens.
    async fn asked(&self, whom: Whom) -> Result<(SocketAddr, u32, &Path), Failure> {
        let data = self.directory.path();
        Ok(match whom {
            Whom::Server => (self.server.address, self.server.id(), data),
            Whom::Bare => (self.bare.1, self.bare.0.id(), data),
            Whom::Other(address, process) => (address, process, data),
            Whom::Prototype => {
                let Prototype { process, address, data } =
                    self.prototype.get_or_try_init(|| self.start_prototype()).await?;
                (*address, process.id(), data.path())
            }
        })
    }

    /// Fills the prototype's database, starts it and gets its access tokens.
    async fn start_prototype(&self) -> Result<Prototype, Failure> {
        let cluster = self.cluster.as_ref().ok_or("the prototype needs PostgreSQL")?;
        let tokens = prototype::fill(|name| cluster.url(name), DATABASE_OF_PROTOTYPE, self.sessions).await?;
        let data = tempfile::Builder::new().prefix("tokend-bench.").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        fs::write(data.path().join(REFRESH_TOKENS), tokens.as_flattened())?;
        let url = cluster.url(DATABASE_OF_PROTOTYPE);
        let (process, mut output) = Process::printing(&mut part(&["prototype", &url])?)?;
        let address = line(&mut output).await?.parse()?;
        mint(Job { address, data: data.path().to_owned(), ..self.job() }).await?;
        Ok(Prototype { process, address, data })
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

/// Gets access tokens by refreshing.
async fn mint(job: Job) -> Result<(), Failure> {
    let job = Job { mint: Some(MINTED), ..job };
    let (client, mut output) = Process::given(&mut part(&["load"])?, &serde_json::to_string(&job)?)?;
    let slice: Slice = serde_json::from_str(&line(&mut output).await?)?;
    client.end()?;
    slice.first_error.map_or(Ok(()), |error| Err(error.into()))
}

fn expect(sign: &str, line: &str) -> Result<(), Failure> {
    if line == sign { Ok(()) } else { Err(format!("the client says {line} instead of {sign}").into()) }
}
