//! The real server with its users and clients, and the pairs of requests that it must answer equally fast.

use std::net::SocketAddr;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tempfile::TempDir;
use tokend::app::sealing_keys;
use tokend::audit::{Actor, AuditContext};
use tokend::domain::{Client, ClientAuthentication, Grant, Grants, PlainSecret};
use tokend::keys::MasterSecrets;
use tokend::store::Store;

use crate::failure::Failure;
use crate::http::Connection;
use crate::pair::Pair;
use crate::people;
use crate::process::{Process, line};

const SECRET: &str = "a-client-secret-of-32-characters-and-some";
const MASTER_SECRET: &str = "a-master-secret-of-the-timing-benchmark-only";

/// A server that runs. It is killed when this is dropped.
pub struct Target {
    _process: Process,
    _directory: TempDir,
    /// Where it listens.
    pub address: SocketAddr,
    refresh_token: String,
    access_token: String,
}

#[derive(Deserialize)]
struct Entry {
    message: String,
    address: Option<SocketAddr>,
}

impl Target {
    /// Starts it on an empty embedded database, with a user of each kind.
    pub async fn start() -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let store = Store::open_sqlite(&directory.path().join("data/tokend.db")).await?;
        let secrets = MasterSecrets::parse(MASTER_SECRET)?;
        store.migrate(&sealing_keys(&secrets, &[])).await?;
        let store = store.by(AuditContext { actor: Actor::Server, at: 1, request_context: None });
        people::add_all(&store).await?;
        let client = Client {
            grants: Grants::from([Grant::Password, Grant::RefreshToken, Grant::ClientCredentials]),
            scope: "openid introspect".parse()?,
            first_party: true,
            may_introspect: true,
            ..Client::without_rights(
                "api".parse()?,
                ClientAuthentication::Secret(PlainSecret::new(SECRET.to_owned()).hash()),
                1,
            )
        };
        store.clients().insert(&client).await?;
        store.close().await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokend"));
        command.current_dir(directory.path()).env_clear().envs([
            ("TOKEND_LISTEN", "127.0.0.1:0"),
            ("TOKEND_SECRET", MASTER_SECRET),
            ("TOKEND_LOG__FORMAT", "json"),
            ("TOKEND_THROTTLE__ENABLED", "false"),
            ("TOKEND_LOG__FILTER", "error,tokend::cli::serve=info"),
        ]);
        let (process, mut log) = Process::logging(&mut command)?;
        let address = loop {
            let text = line(&mut log).await?;
            let Ok(Entry { message, address }) = serde_json::from_str(&text) else { continue };
            if let (Some(address), "listening") = (address, message.as_str()) {
                break address;
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let own = form("/token", "grant_type=client_credentials");
        let access_token = token(address, &own, "access_token").await?;
        let login = format!("grant_type=password&username=known&password={}", people::PASSWORD.replace(' ', "+"));
        let refresh_token = token(address, &form("/token", &login), "refresh_token").await?;
        Ok(Self { _process: process, _directory: directory, address, refresh_token, access_token })
    }

    /// All pairs.
    pub fn pairs(&self) -> Vec<Pair> {
        let login = |name: &str| form("/login", &format!("username={name}&password=wrong"));
        let logins = [
            ("sign-in: unknown, wrong password", "known"),
            ("sign-in: unknown, disabled", "disabled"),
            ("sign-in: unknown, without a password", "without-password"),
            ("sign-in: unknown, lighter hash", "light-hash"),
            ("sign-in: unknown, bcrypt", "bcrypt"),
        ];
        let logins = logins.map(|(name, user)| pair(name, 401, [login("unknown"), login(user)]));
        let own = |id: &str, secret: &str| basic("/token", "grant_type=client_credentials", id, secret);
        let refresh = |text: &str| form("/token", &format!("grant_type=refresh_token&refresh_token={text}"));
        let introspect = |text: &str| form("/introspect", &format!("token={text}"));
        let others = [
            pair("client: unknown, wrong secret", 401, [own("nobody", "x"), own("api", "x")]),
            pair(
                "client secret: first, last character wrong",
                401,
                [own("api", &altered(SECRET, 0)), own("api", &altered(SECRET, SECRET.len() - 1))],
            ),
            pair(
                "refresh token: first, last byte of its tag wrong",
                400,
                [self.refresh_token.len() - 21, self.refresh_token.len() - 2]
                    .map(|at| refresh(&altered(&self.refresh_token, at))),
            ),
            pair(
                "access token: first, last byte of the signature wrong",
                200,
                [self.access_token.len() - 85, self.access_token.len() - 3]
                    .map(|at| introspect(&altered(&self.access_token, at))),
            ),
        ];
        let logins = logins.map(|login| Pair { hashes: true, ..login });
        logins.into_iter().chain(others).collect()
    }
}

fn pair(name: &'static str, status: u16, requests: [Vec<u8>; 2]) -> Pair {
    Pair { name, status, hashes: false, requests }
}

/// With another character at a place, of the same kind.
fn altered(text: &str, at: usize) -> String {
    let swap = |(i, c): (usize, char)| if i == at { if c == 'A' { 'B' } else { 'A' } } else { c };
    text.chars().enumerate().map(swap).collect()
}

/// Asked by the client that there is.
fn form(path: &str, body: &str) -> Vec<u8> {
    basic(path, body, "api", SECRET)
}

fn basic(path: &str, body: &str, id: &str, secret: &str) -> Vec<u8> {
    let credentials = STANDARD.encode(format!("{id}:{secret}"));
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic {credentials}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn token(address: SocketAddr, request: &[u8], member: &str) -> Result<String, Failure> {
    let mut connection = Connection::open(address).await?;
    let answer = connection.exchange(request).await?;
    let text = answer.text(member).map(|text| String::from_utf8_lossy(text).into_owned());
    text.ok_or_else(|| format!("no {member}: {}", String::from_utf8_lossy(answer.body)).into())
}
