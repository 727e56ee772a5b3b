//! One or several real servers on one database, each of which may be killed and started again.

use std::sync::Mutex;
use std::time::Duration;

use tokend::password::{HashParameters, Hasher};
use tokend::store::{PoolSize, Store};

use crate::harness::{MASTER_SECRET, PASSWORD, Program, Running, add_user, clients, operator, trail_keys};

use super::CLIENTS;

/// The window of the site's clients, in seconds. Short, so that thieves come within a test's time.
const WINDOW: u64 = 1;

/// How refresh tokens are judged there, and what clients do.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Seconds.
    pub window: u64,
    /// Nobody ends a session, and nobody steals.
    pub is_peaceful: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { window: WINDOW, is_peaceful: false }
    }
}

/// The servers. They are killed when this is dropped.
pub struct Site {
    pub rules: Rules,
    nodes: Vec<Node>,
}

struct Node {
    program: Program,
    running: Mutex<Option<Running>>,
    /// Where it listens, or last did.
    base: Mutex<String>,
}

/// Adds the clients and users that loads need to a database that is empty.
pub async fn furnish(store: &Store) {
    for client in clients() {
        store.by(operator()).clients().insert(&client).await.expect("a client is added");
    }
    let parameters = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };
    let hasher = Hasher::start(parameters, 1, Duration::from_secs(10), 0).expect("a thread starts");
    for number in 0..CLIENTS {
        add_user(store, &hasher, &user(number), PASSWORD).await;
    }
}

/// Migrates and furnishes an empty PostgreSQL database.
pub async fn furnish_postgres(url: &str) {
    let pool = PoolSize { max_connections: 4, acquire_timeout: Duration::from_secs(10) };
    let store = Store::open_postgres(url, pool).await.expect("PostgreSQL opens");
    store.migrate(&trail_keys()).await.expect("PostgreSQL migrates");
    furnish(&store).await;
    store.close().await;
}

/// A load's client is a user of its own.
pub fn user(number: usize) -> String {
    format!("user-{number}")
}

/// The base of the addresses of a server that logs where it listens.
pub fn base_in(line: &str) -> String {
    let port = line.split("127.0.0.1:").nth(1).expect("an address");
    format!("http://127.0.0.1:{}", port.chars().take_while(char::is_ascii_digit).collect::<String>())
}

impl Site {
    /// So many servers on a furnished database, running.
    pub fn start(url: &str, nodes: usize, rules: Rules) -> Self {
        let node = |_| Node {
            program: Program::new()
                .set("TOKEND_LISTEN", "127.0.0.1:0")
                .set("TOKEND_ISSUER", "https://auth.example.com")
                .set("TOKEND_SECRET", MASTER_SECRET)
                .set("TOKEND_PASSWORDS__QUEUE", "10s")
                // A sign-in that a kill interrupts stays counted as one that failed.
                .set("TOKEND_THROTTLE__ENABLED", "false")
                .set("TOKEND_SESSIONS__REUSE_WINDOW", &format!("{}s", rules.window))
                .set("TOKEND_DATABASE", url),
            running: Mutex::default(),
            base: Mutex::default(),
        };
        let site = Self { rules, nodes: (0..nodes).map(node).collect() };
        (0..nodes).for_each(|node| site.start_again(node));
        site
    }

    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Where a node listens, or last did.
    pub fn base(&self, node: usize) -> String {
        self.nodes[node].base.lock().expect("nobody panicked").clone()
    }

    /// From here on a node is reached somewhere else than where it listens.
    pub fn is_reached_at(&mut self, node: usize, base: String) {
        self.nodes[node].base = Mutex::new(base);
    }

    /// Kills a node: it doesn't finish anything.
    pub fn kill(&self, node: usize) {
        drop(self.nodes[node].running.lock().expect("nobody panicked").take());
    }

    /// Starts a node that was killed.
    pub fn start_again(&self, node: usize) {
        let Node { program, running, base } = &self.nodes[node];
        let started = tokio::task::block_in_place(|| {
            let started = program.start(&["serve"]);
            let line = started.wait_for_log("\"listening\"");
            *base.lock().expect("nobody panicked") = base_in(&line);
            started
        });
        *running.lock().expect("nobody panicked") = Some(started);
    }

    /// From here on a node can't make a file larger than this, as on a full disk; or again as it likes.
    pub fn limit_files(&self, node: usize, bytes: Option<u64>) {
        self.nodes[node].running.lock().expect("nobody panicked").as_ref().expect("it runs").limit_files(bytes);
    }

    /// Waits until a node logs something.
    pub fn wait_for_log(&self, node: usize, text: &str) {
        let running = self.nodes[node].running.lock().expect("nobody panicked");
        tokio::task::block_in_place(|| running.as_ref().expect("it runs").wait_for_log(text));
    }

    /// Waits until a node says that it can serve.
    pub async fn is_ready(&self, node: usize) {
        self.becomes(node, 200).await;
    }

    /// Waits until a node's readiness has this status.
    pub async fn becomes(&self, node: usize, status: u16) {
        let url = format!("{}/health/ready", self.base(node));
        let becomes = async {
            while reqwest::get(&url).await.is_ok_and(|answer| answer.status() != status) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), becomes).await.expect("the node changes by itself");
    }

    /// Runs a command on the site's database.
    pub fn run(&self, arguments: &[&str]) {
        tokio::task::block_in_place(|| self.nodes[0].program.run(arguments)).ok();
    }
}
