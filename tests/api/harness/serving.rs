//! The real program at work, with a user and a client.

use std::fs;

use super::{MASTER_SECRET, PASSWORD, Program, Running};

/// The program at work. It is killed when this is dropped.
pub struct Serving {
    pub process: Running,
    /// The host and port where it listens.
    pub address: String,
    /// What it wrote before it served.
    pub log: Vec<String>,
    pub program: Program,
}

impl Serving {
    /// With a user alice, a public first-party client `app`, so many threads that hash passwords, and so much memory for each.
    pub fn start(program: Program, threads: u64, memory_kib: u64) -> Self {
        let program = program
            .set("TOKEND_LISTEN", "127.0.0.1:0")
            .set("TOKEND_SECRET", MASTER_SECRET)
            .set("TOKEND_PASSWORDS__MEMORY_KIB", &memory_kib.to_string())
            .set("TOKEND_PASSWORDS__THREADS", &threads.to_string());
        program.run(&["migrate"]).ok();
        program.run_with(&["user", "add", "alice", "--password-stdin"], PASSWORD).ok();
        let client = ["client", "add", "app", "--name", "App", "--public", "--first-party"];
        let rights = ["--grant", "password", "--grant", "refresh_token", "--scope", "openid"];
        program.run(&[&client[..], &rights].concat()).ok();
        let process = program.start(&[]);
        let log = process.log_until("\"listening\"");
        let line: serde_json::Value = serde_json::from_str(log.last().expect("a line")).expect("JSON");
        let address = line["address"].as_str().expect("an address").to_owned();
        Self { process, address, log, program }
    }
}

impl Running {
    /// The most memory that the process ever had, in KiB.
    pub fn peak_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }
}
