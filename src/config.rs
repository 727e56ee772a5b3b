//! The configuration: typed, from a file and the environment, validated once; errors name the key.
//!
//! `keys` lists every key with its default, `file` and `environment` lay their values over it (`settings`), `validate`
//! makes a [`Config`] of what is in force. Depends on [`crate::domain`] and on the limits that [`crate::password`],
//! [`crate::throttle`] and [`crate::token`] state, and is known to the edges only.

pub(crate) mod bounds;
mod check;
mod database;
mod database_file;
mod environment;
mod error;
mod file;
mod issuer;
mod keys;
mod parameters;
mod sections;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod throttle;
mod validate;
mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::HeaderName;
use ipnet::IpNet;

use crate::clock::Seconds;
use crate::domain::{ClientId, SigningAlgorithm};
use crate::password::HashParameters;
use crate::throttle::Limits;
use crate::words::words;

pub use database::{Database, PostgresUrl, SecretSource};
pub use error::{ConfigError, InvalidDatabase, Problem, Source};
pub use issuer::{InvalidIssuer, Issuer};
pub use text::{audience, claim as claim_name, network, origin};

/// All that an operator decides. `src/config/defaults.toml` documents every key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The issuer identifier, by which clients know this server.
    pub issuer: Issuer,
    issuer_is_derived: bool,
    /// The address to listen on; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Where the data lives.
    pub database: Database,
    /// The rest of `[database]`
    pub database_rules: DatabaseRules,
    /// Where the master secrets come from.
    pub master_secrets: SecretSource,
    /// Whom access tokens are for when nothing else says so; never empty.
    pub audience: Vec<String>,
    /// `[tokens]`
    pub tokens: Tokens,
    /// `[sessions]`
    pub sessions: Sessions,
    /// `[login]`
    pub login: Login,
    /// `[passwords]`
    pub passwords: Passwords,
    /// `[throttle]`
    pub throttle: Throttling,
    /// `[audit]`
    pub audit: Audit,
    /// `[claims]`
    pub claims: ClaimRules,
    /// `[http]`
    pub http: Http,
    /// `[postgres]`
    pub postgres: Postgres,
    /// `[log]`
    pub log: Log,
    shown: Vec<(&'static str, String)>,
}

/// How the database is reached, and what it may lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseRules {
    /// The file that names the database, if one does.
    pub file: Option<PathBuf>,
    /// How long a start waits for a database that can't be reached yet.
    pub wait: Duration,
    /// Whether a database may lose what it has acknowledged when its machine crashes.
    pub unsafe_durability: bool,
}

/// Access tokens and the keys that sign them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The lifetime of an access token, in seconds; 1 or more.
    pub access_lifetime: Seconds,
    /// The algorithm of new signing keys.
    pub signing_algorithm: SigningAlgorithm,
    /// How long a new key is published before it signs, in seconds.
    pub key_lead_time: Seconds,
}

/// Sessions, where a client's registration says nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// W: how long after an exchange presenting the old refresh token is a retry, in seconds.
    pub reuse_window: Seconds,
    /// How long a session lives without being used, in seconds; 0 for no limit.
    pub idle_lifetime: Seconds,
    /// How long a session lives at most, in seconds; 0 for no limit.
    pub absolute_lifetime: Seconds,
    /// How long the row of an ended session is kept, in seconds.
    pub retention: Seconds,
}

/// `POST /login`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The client of a request that names none.
    pub client: ClientId,
}

/// Argon2id (RFC 9106), and the pool of threads that computes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passwords {
    /// The cost of a new hash.
    pub hash: HashParameters,
    /// Threads of the pool; 1 or more.
    pub threads: usize,
    /// How long a sign-in may wait for a thread before it is sent away.
    pub queue: Duration,
    /// By how much the threads of the pool lower their priority, as `nice` does: 0 to 19.
    pub niceness: i32,
}

/// The throttling of sign-ins and secrets that fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttling {
    /// Whether anything is throttled.
    pub enabled: bool,
    /// How many failures are allowed, and in how long.
    pub limits: Limits,
    /// How long a device counts as known after a sign-in, in seconds.
    pub device_lifetime: Seconds,
}

/// The audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How long events are kept, in seconds; 0 for ever.
    pub retention: Seconds,
}

/// Where a user's claims appear. Claims that only the server sets are not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRules {
    /// Those that go into access tokens.
    pub access_token: Vec<String>,
    /// Those that `/userinfo` answers, by the scope that they belong to.
    pub scopes: BTreeMap<String, Vec<String>>,
}

/// Who may call, and the time limits of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The web origins that may call from a browser, as browsers spell them.
    pub allowed_origins: Vec<String>,
    /// The header fields that pages of those origins may send.
    pub allowed_headers: Vec<HeaderName>,
    /// The proxies whose forwarding header is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they name the client's address.
    pub forwarded_header: ForwardedHeader,
    /// The networks that may read `/metrics`.
    pub metrics_from: Vec<IpNet>,
    /// The networks of the gateways that may ask `/verify`. The address of the connection counts, never a header.
    pub verify_from: Vec<IpNet>,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long a connection may lie idle between two requests.
    pub idle_timeout: Duration,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// How long the server goes on serving after the signal to stop.
    pub drain: Duration,
    /// How long requests in flight may take to finish when the server stops; zero stops at once.
    pub shutdown_timeout: Duration,
    /// How many connections may be open at once; 1 or more.
    pub max_connections: usize,
    /// The files for TLS, if this server terminates it.
    pub tls: Option<Tls>,
}

words! {
    /// The header in which a proxy names the address of its client.
    pub enum ForwardedHeader {
        /// One address after the other.
        XForwardedFor = "X-Forwarded-For",
        /// RFC 7239.
        Forwarded = "Forwarded",
    }
}

/// The files for TLS, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those that lead to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The pool of connections to PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Connections of this node at most; 1 or more.
    pub max_connections: u32,
    /// How long a request may wait for a connection.
    pub acquire_timeout: Duration,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The format of a line.
    pub format: LogFormat,
    /// What is written, in the language of `tracing_subscriber::filter::Targets`, which accepts it.
    pub filter: String,
}

words! {
    /// The format of log lines.
    pub enum LogFormat {
        /// `Human` on a terminal, `Json` otherwise.
        Auto = "auto",
        /// For people.
        Human = "human",
        /// One JSON object a line.
        Json = "json",
    }
}

impl Config {
    /// The configuration from `file`, if there is one, and the `TOKEND_` variables of `environment`, which win. Give it
    /// [`std::env::vars_os`]: the text variant panics on a variable that isn't UTF-8.
    pub fn load<N: Into<OsString>, V: Into<OsString>>(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ConfigError> {
        let mut settings = settings::Settings::new();
        if let Some(path) = file {
            let (text, exposed) = file::read(path)?;
            settings.exposed = exposed;
            file::apply(&mut settings, &text, path)?;
        }
        environment::apply(&mut settings, environment.into_iter().map(|(name, value)| (name.into(), value.into())));
        validate::config(settings)
    }

    /// The configuration that a file with this `text` describes, without any environment. Errors call it `tokend.toml`.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let mut settings = settings::Settings::new();
        file::apply(&mut settings, text, Path::new("tokend.toml"))?;
        validate::config(settings)
    }

    /// Every key, in the order of `defaults.toml`, with the value that was loaded. No secret is shown.
    pub fn shown(&self) -> &[(&'static str, String)] {
        &self.shown
    }

    /// Whether the database is the embedded one.
    pub fn embedded(&self) -> bool {
        matches!(self.database, Database::Sqlite(_))
    }

    /// The URL by which this machine reaches the server. The issuer may be another, behind a proxy.
    pub fn local_url(&self) -> String {
        let prefix = self.issuer.path_prefix();
        Issuer::of_listener(self.listen, self.http.tls.is_some())
            .map_or_else(|_| self.issuer.to_string(), |here| format!("{here}{prefix}"))
    }

    /// Sets `listen` to the address that the listener got. It differs where `listen` left the port to the system. A derived
    /// issuer and audience follow it.
    pub fn bound_to(&mut self, address: SocketAddr) {
        self.listen = address;
        if self.issuer_is_derived
            && let Ok(issuer) = Issuer::of_listener(address, self.http.tls.is_some())
        {
            for audience in self.audience.iter_mut().filter(|audience| **audience == self.issuer.as_str()) {
                issuer.as_str().clone_into(audience);
            }
            self.issuer = issuer;
        }
    }
}
