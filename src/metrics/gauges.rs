//! Values that are read at a scrape. All are in memory, so a scrape costs no database call.

use std::sync::Arc;
use std::time::Duration;

use super::hashing::{Hashing, HashingLoad};
use super::lanes::Lanes;
use super::process::ProcessUse;
use super::text::{self, Text};
use crate::clock::{Seconds, UnixTime};

#[derive(Debug, Default)]
pub struct Gauges {
    /// How old this node's copy of clients and signing keys is.
    pub registry_age: Duration,
    /// The age of the key that signs, in seconds.
    pub signing_key_age: Option<Seconds>,
    /// Seconds until the TLS certificate in use ends. Negative after its end.
    pub certificate_left: Option<Seconds>,
    /// Whether a part of the audit trail was found changed.
    pub audit_is_broken: bool,
    pub connections: Connections,
    /// The last count of sessions.
    pub sessions: Option<SessionCount>,
    /// Hashes that wait and run.
    pub hashing: HashingLoad,
    /// How long hashes waited and took.
    pub hashed: Arc<Hashing>,
    /// The sizes of batches to the database.
    pub lanes: Arc<Lanes>,
    /// Memory, processor time and files of the process, on Linux.
    pub process: Option<ProcessUse>,
}

/// The pools of connections to the database.
#[derive(Debug, Default)]
pub struct Connections {
    pub pools: Vec<PoolUse>,
    /// Statements that wait for a connection.
    pub waiting: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct PoolUse {
    /// `shared` on PostgreSQL, `writer` and `readers` on SQLite.
    pub name: &'static str,
    /// Connections in use.
    pub used: usize,
    /// Connections that are open and not in use.
    pub idle: usize,
    /// The most that may be open.
    pub most: usize,
}

/// How many sessions there were at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCount {
    /// Sessions that had not ended.
    pub live: u64,
    /// Live sessions whose refresh token was made with another master secret than the one in use.
    pub of_old_secrets: u64,
    pub at: UnixTime,
}

impl Gauges {
    pub(super) fn render(&self, text: &mut Text) {
        let help = "How old this node's copy of clients and signing keys is. From 5 on it answers 503.";
        text.single("tokend_registry_age_seconds", "gauge", help, text::seconds(self.registry_age));
        if let Some(age) = self.signing_key_age {
            text.single("tokend_signing_key_age_seconds", "gauge", "Age of the key that signs access tokens.", age);
        }
        if let Some(left) = self.certificate_left {
            let help = "Time to the end of the TLS certificate in use. Below 0 it has expired.";
            text.single("tokend_tls_certificate_left_seconds", "gauge", help, left);
        }
        let help = "Whether this process found a part of the audit trail changed or put back.";
        text.single("tokend_audit_broken", "gauge", help, u64::from(self.audit_is_broken));
        self.connections.render(text);
        if let Some(count) = &self.sessions {
            count.render(text);
        }
        self.hashing.render(text);
        self.hashed.render(text);
        self.lanes.render(text);
        if let Some(process) = &self.process {
            process.render(text);
        }
    }
}

impl Connections {
    fn render(&self, text: &mut Text) {
        let name = "tokend_database_connections";
        text.family(name, "gauge", "Open connections to the database, without those that one thread has for itself.");
        for pool in &self.pools {
            text.sample(name, &[("pool", pool.name), ("state", "used")], pool.used);
            text.sample(name, &[("pool", pool.name), ("state", "idle")], pool.idle);
        }
        let name = "tokend_database_connections_max";
        text.family(name, "gauge", "The most connections that a pool may open.");
        for pool in &self.pools {
            text.sample(name, &[("pool", pool.name)], pool.most);
        }
        let help = "Statements that wait for a connection to the database.";
        text.single("tokend_database_connections_waiting", "gauge", help, self.waiting);
    }
}

impl SessionCount {
    fn render(self, text: &mut Text) {
        text.single("tokend_sessions_live", "gauge", "Sessions that had not ended at the last count.", self.live);
        let help = "Live sessions at the last count that need another master secret than the one in use.";
        text.single("tokend_sessions_of_old_secrets", "gauge", help, self.of_old_secrets);
        let help = "When the last count of sessions ended.";
        text.single("tokend_sessions_counted_timestamp_seconds", "gauge", help, self.at);
    }
}
