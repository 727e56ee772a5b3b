//! The real server: the program that is installed, started as an operator would start it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::failure::Failure;
use crate::process::{Process, line};
use crate::seed::{ISSUER, MASTER_SECRET};

/// A server that runs. It is killed when this is dropped.
pub struct Server {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

/// A line of its log.
#[derive(Deserialize)]
struct Entry {
    message: String,
    address: Option<SocketAddr>,
}

impl Server {
    /// Starts it on a free port of the loopback interface and waits until it listens.
    pub async fn start(database: &str, directory: &Path) -> Result<Self, Failure> {
        Self::start_build(Path::new(env!("CARGO_BIN_EXE_tokend")), database, directory).await
    }

    /// As [`Self::start`], but another build of it.
    pub async fn start_build(program: &Path, database: &str, directory: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.current_dir(directory).env_clear().envs([
            ("TOKEND_DATABASE", database),
            ("TOKEND_ISSUER", ISSUER),
            ("TOKEND_LISTEN", "127.0.0.1:0"),
            ("TOKEND_SECRET", MASTER_SECRET),
            ("TOKEND_LOG__FORMAT", "json"),
            // Ten times more sign-ins than can be hashed, of few users, from one address.
            ("TOKEND_THROTTLE__ENABLED", "false"),
            // Where it listens is all that it says of itself.
            ("TOKEND_LOG__FILTER", "warn,tokend::cli::serve=info"),
        ]);
        let (process, mut log) = Process::logging(&mut command)?;
        loop {
            let text = line(&mut log).await?;
            let entry: Entry = serde_json::from_str(&text).map_err(|_| text)?;
            if let (Some(address), "listening") = (entry.address, entry.message.as_str()) {
                tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
                return Ok(Self { process, address });
            }
        }
    }

    /// Asks it to stop, as an operator would, and waits until it has.
    pub fn stop(&mut self) -> Result<(), Failure> {
        self.process.stop()
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}
