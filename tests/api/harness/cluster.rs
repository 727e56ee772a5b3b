//! A PostgreSQL of a test's own, that can be killed, restarted, copied and promoted. Durable: what it says it has, it has.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokend::domain::PlainSecret;

use super::canary;

/// Longer than a start, a recovery or a promotion takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// After this long whatever is left of a killed server will not end by itself.
const HUNG: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_millis(20);

const SETTINGS: &str = "\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = on\n\
     synchronous_commit = on\nmax_connections = 100\nshared_buffers = 16MB\nwal_level = replica\nmax_wal_senders = 4\n";

/// A server and its files. It is stopped and they are removed when this is dropped.
pub struct Cluster {
    directory: TempDir,
    owner: Option<(u32, u32)>,
    password: String,
    port: u16,
    postmaster: Option<Child>,
}

impl Cluster {
    /// Makes a cluster and starts it.
    pub async fn start() -> Self {
        let password = PlainSecret::generate().reveal().to_owned();
        let mut cluster = Self::without_files(password);
        let file = cluster.directory.path().join("password");
        fs::write(&file, &cluster.password).expect("the password is written");
        let mut initdb = cluster.program("initdb");
        initdb.args(["-U", "postgres", "--auth=password", "--no-locale", "-E", "UTF8", "--no-sync", "-D"]);
        complete(initdb.arg(cluster.data()).arg("--pwfile").arg(file));
        cluster.configure(SETTINGS);
        cluster.run().await;
        cluster
    }

    /// A copy of this one that follows it, reaching it at `address`.
    pub async fn standby(&self, address: SocketAddr) -> Self {
        let mut standby = Self::without_files(self.password.clone());
        let mut copy = standby.program("pg_basebackup");
        copy.env("PGPASSWORD", &self.password).args(["-h", "127.0.0.1", "-p", &address.port().to_string()]);
        copy.args(["-U", "postgres", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "-D"]);
        complete(copy.arg(standby.data()));
        standby.run().await;
        standby
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres:{}@{}/postgres", self.password, self.address())
    }

    /// Kills the process that all others descend from, as if it had crashed.
    pub fn kill(&mut self) {
        let mut postmaster = self.postmaster.take().expect("it runs");
        postmaster.kill().expect("it is killed");
        postmaster.wait().expect("it has ended");
    }

    /// Kills every one of its processes, as if the machine had lost its power.
    pub fn kill_all(&mut self) {
        self.kill();
        self.kill_rest();
    }

    /// Ends what is left of a server whose first process was killed: everything that works in its directory. Most of it
    /// ends by itself, but not what waits for a lock that another took with it.
    fn kill_rest(&self) {
        let works_here = |process: &Path| fs::read_link(process.join("cwd")).is_ok_and(|place| place == self.data());
        let processes = || fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
        for process in processes().filter(|process| works_here(process)) {
            let number = process.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            if let Some(id) = number.and_then(Pid::from_raw) {
                // It may have ended by now.
                let _ = kill_process(id, Signal::KILL);
            }
        }
    }

    /// Starts it again after [`Cluster::kill`], where it was.
    pub async fn restart(&mut self) {
        self.run().await;
    }

    /// Ends the standby's following: it takes writes when this returns.
    pub async fn promote(&self) {
        assert!(self.ask::<bool>("SELECT pg_promote()").await, "it is promoted");
        self.wait_for("SELECT NOT pg_is_in_recovery()").await;
    }

    /// From here on a commit is answered when the standby has it.
    pub async fn wait_for_standbys(&self) {
        for statement in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            let mut connection = self.connect().await;
            sqlx::raw_sql(statement).execute(&mut connection).await.expect("the statement runs");
        }
        self.wait_for("SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'").await;
    }

    /// Polls until a statement answers true.
    pub async fn wait_for(&self, statement: &str) {
        let begun = Instant::now();
        while !self.ask::<bool>(statement).await {
            assert!(begun.elapsed() < PATIENCE, "never true: {statement}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// The one value that a statement answers.
    pub async fn ask<T>(&self, statement: &str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let mut connection = self.connect().await;
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::query_scalar(statement).fetch_one(&mut connection).await.expect("the statement runs")
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.expect("PostgreSQL answers")
    }

    fn without_files(password: String) -> Self {
        canary::note(&password);
        let directory = tempfile::Builder::new().prefix("tokend-test.").tempdir().expect("a temporary directory");
        // PostgreSQL refuses to run as root, so there it runs as somebody else.
        let owner = getuid().is_root().then(|| id("postgres").or_else(|| id("nobody")).expect("a user"));
        if let Some((user, group)) = owner {
            chown(directory.path(), Some(user), Some(group)).expect("the directory is given away");
        }
        Self { directory, owner, password, port: 0, postmaster: None }
    }

    fn configure(&self, settings: &str) {
        let file = self.data().join("postgresql.conf");
        let before = fs::read_to_string(&file).expect("the configuration is there");
        fs::write(file, before + settings).expect("the configuration is written");
    }

    /// Starts the server, on the port that it has or on a free one, and waits until it answers.
    async fn run(&mut self) {
        let begun = Instant::now();
        let had = self.port;
        // A free port may be taken by then, and the memory of a killed server is in use until the last of it has ended.
        while !self.comes_up(had, begun).await {
            let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "PostgreSQL doesn't start: {log}");
            if begun.elapsed() > HUNG {
                self.kill_rest();
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn comes_up(&mut self, port: u16, begun: Instant) -> bool {
        self.port = if port == 0 { free_port() } else { port };
        let log = File::options().create(true).append(true).open(self.directory.path().join("log")).expect("a log");
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let again = log.try_clone().expect("a log");
        self.postmaster =
            Some(command.stdin(Stdio::null()).stdout(again).stderr(log).spawn().expect("PostgreSQL starts"));
        while begun.elapsed() < PATIENCE {
            if self.postmaster.as_mut().is_none_or(|child| child.try_wait().expect("it is ours").is_some()) {
                return false;
            }
            if let Ok(connection) = PgConnection::connect(&self.url()).await {
                connection.close().await.expect("the connection closes");
                return true;
            }
            tokio::time::sleep(POLL).await;
        }
        false
    }

    fn program(&self, name: &str) -> Command {
        let programs = std::env::var_os("TOKEND_TEST_POSTGRES_PROGRAMS");
        let programs = PathBuf::from(programs.expect("tests/run.sh says where PostgreSQL's programs are"));
        let mut command = Command::new(programs.join(name));
        command.current_dir(self.directory.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut postmaster) = self.postmaster.take() {
            let _ = kill_process(Pid::from_child(&postmaster), Signal::QUIT);
            let _ = postmaster.wait();
        }
        self.kill_rest();
    }
}

/// Who runs what must not run as root; nobody else, if the tests don't run as root themselves.
pub(super) fn other_user() -> Option<(u32, u32)> {
    getuid().is_root().then(|| id("postgres").or_else(|| id("nobody")).expect("a user"))
}

/// A user's numbers.
fn id(user: &str) -> Option<(u32, u32)> {
    let number = |which: &str| {
        let output = Command::new("id").args([which, user]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    Some((number("-u")?, number("-g")?))
}

/// A port that nothing listens at, for now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a port").port()
}

fn complete(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
