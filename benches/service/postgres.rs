//! A PostgreSQL of the benchmark's own: durable, otherwise as it comes, gone with all its files when it is dropped.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;

use crate::failure::Failure;
use crate::process::complete;

/// What differs from the defaults. Durability is the default, and said again because everything depends on it.
const SETTINGS: [&str; 4] = ["fsync = on", "synchronous_commit = on", "full_page_writes = on", "max_connections = 200"];

/// How often another port is tried, when somebody else took the free one first.
const ATTEMPTS: usize = 5;

/// A server that runs.
pub struct Cluster {
    directory: TempDir,
    programs: PathBuf,
    user: Option<String>,
    port: u16,
    password: String,
}

impl Cluster {
    /// Makes a cluster and starts it on a free port of the loopback interface.
    pub fn start() -> Result<Self, Failure> {
        let programs = programs().ok_or("no PostgreSQL server programs (initdb, pg_ctl, pgbench) found")?;
        let user = (complete(Command::new("id").arg("-u"))?.trim() == "0").then(|| "postgres".to_owned());
        let directory = directory_of(user.as_deref())?;
        let password = format!("{:032x}", u128::from_be_bytes(tokend::random::bytes()));
        let mut cluster = Self { directory, programs, user, port: 0, password };
        cluster.initialize()?;
        for attempt in 1.. {
            cluster.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            match cluster.control(&["-w", "-t", "60", "-o", &format!("-p {}", cluster.port), "start"]) {
                Err(_) if attempt < ATTEMPTS => {}
                done => return done.map(|()| cluster),
            }
        }
        Err("PostgreSQL found no port".into())
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Which PostgreSQL it is, and how it is set.
    pub fn describe(&self) -> Result<String, Failure> {
        let version = complete(Command::new(self.programs.join("postgres")).arg("--version"))?;
        Ok(format!("{}; {}; otherwise as it comes", version.trim(), SETTINGS.join(", ")))
    }

    /// The process from which all the others descend.
    pub fn postmaster(&self) -> Result<u32, Failure> {
        let file = fs::read_to_string(self.data().join("postmaster.pid"))?;
        Ok(file.lines().next().ok_or("PostgreSQL has no number")?.parse()?)
    }

    /// One of its client programs, ready to connect.
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.env("PGPASSWORD", &self.password);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]);
        command
    }

    fn initialize(&self) -> Result<(), Failure> {
        let file = self.directory.path().join("password");
        fs::write(&file, &self.password)?;
        let mut initdb = self.as_its_user("initdb");
        initdb.args(["-U", "postgres", "--auth=password", "--no-locale", "-E", "UTF8", "-D"]).arg(self.data());
        complete(initdb.arg("--pwfile").arg(&file))?;
        let configuration = self.data().join("postgresql.conf");
        let here = format!("unix_socket_directories = '{}'", self.directory.path().display());
        let settings = [&["listen_addresses = '127.0.0.1'", &here], SETTINGS.as_slice()].concat().join("\n");
        Ok(fs::write(&configuration, fs::read_to_string(&configuration)? + &settings + "\n")?)
    }

    fn control(&self, arguments: &[&str]) -> Result<(), Failure> {
        let log = self.directory.path().join("log");
        let mut command = self.as_its_user("pg_ctl");
        command.arg("-D").arg(self.data()).arg("-l").arg(&log).args(arguments);
        // The server keeps the standard output that it is given.
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("pg_ctl {}: {}", arguments.join(" "), fs::read_to_string(log).unwrap_or_default()).into())
    }

    /// PostgreSQL refuses to run as root, so there it runs as somebody else.
    fn as_its_user(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = match &self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(program);
                command
            }
        };
        command.current_dir(self.directory.path());
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists()
            && let Err(error) = self.control(&["-w", "-m", "immediate", "stop"])
        {
            eprintln!("service benchmark: PostgreSQL doesn't stop: {error}");
        }
    }
}

/// A new directory that `user` owns and can reach: below the target directory, or where temporary files go.
fn directory_of(user: Option<&str>) -> Result<TempDir, Failure> {
    let make = |parent: &Path| -> Result<TempDir, Failure> {
        let directory = tempfile::Builder::new().prefix("tokend-bench.").tempdir_in(parent)?;
        let Some(user) = user else { return Ok(directory) };
        let number = |which: &str| -> Result<u32, Failure> {
            Ok(complete(Command::new("id").args([which, user]))?.trim().parse()?)
        };
        chown(directory.path(), Some(number("-u")?), Some(number("-g")?))?;
        complete(Command::new("runuser").args(["-u", user, "--", "test", "-w"]).arg(directory.path()))?;
        Ok(directory)
    };
    make(Path::new(env!("CARGO_TARGET_TMPDIR"))).or_else(|_| make(&env::temp_dir()))
}

/// The directory of the newest PostgreSQL on this machine, where `tests/run.sh` looks for it too.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = ["/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt"].map(fs::read_dir);
    let versions = versions.into_iter().flatten().flatten().flatten().map(|entry| entry.path().join("bin"));
    let others = ["/usr/local/pgsql/bin", "/usr/libexec/postgresql"].map(PathBuf::from);
    let has_all = |place: &PathBuf| ["initdb", "pg_ctl", "pgbench"].iter().all(|name| place.join(name).exists());
    env::split_paths(&path).chain(versions).chain(others).filter(has_all).max_by_key(|place| major(place))
}

fn major(programs: &Path) -> Option<u32> {
    let version = complete(Command::new(programs.join("postgres")).arg("--version")).ok()?;
    version.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}
