//! A rolling upgrade from version 0.1.0, and back: both versions serve one PostgreSQL with a million sessions side by side, and
//! each is restarted and killed. No refresh fails, and none takes longer than a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::load::{base_in, send};
use super::number;
use crate::harness::{MASTER_SECRET, PASSWORD, Program, Running, new_database};

const CLIENTS: usize = 8;

/// How many sessions the database has beside those of the clients.
const SESSIONS: usize = 1_000_000;

/// The longest that a refresh may take, with all its repetitions.
const LONGEST: Duration = Duration::from_secs(1);

/// How many refreshes are answered between two changes of the nodes.
const BETWEEN: usize = 400;

/// How long a client waits before it asks again a node that gave no answer.
const PAUSE: Duration = Duration::from_millis(5);

/// Which version a node runs.
#[derive(Clone, Copy)]
enum Version {
    Old,
    New,
}

/// How a node ends.
#[derive(Clone, Copy)]
enum End {
    Stopped,
    Killed,
}

/// Which node ends, how, and what is started in its place.
const CHANGES: [(usize, End, Version); 9] = [
    (1, End::Stopped, Version::New),
    (1, End::Killed, Version::New),
    (0, End::Killed, Version::Old),
    (0, End::Stopped, Version::Old),
    (1, End::Stopped, Version::Old),
    (1, End::Killed, Version::New),
    (0, End::Stopped, Version::New),
    (0, End::Killed, Version::Old),
    (0, End::Stopped, Version::New),
];

/// Two nodes on one database.
struct Nodes {
    old: Program,
    new: Program,
    bases: [RwLock<String>; 2],
}

/// What the clients saw.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    answered: AtomicUsize,
    longest_us: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "tests/deep.sh builds version 0.1.0 for it"]
async fn both_versions_serve_one_database_and_no_refresh_fails() {
    let url = new_database("").await;
    let old = std::env::var("TOKEND_TEST_OLD_PROGRAM").expect("tests/deep.sh says where version 0.1.0 is");
    let (old, new) = (node(Program::of(old.into()), &url), node(Program::new(), &url));
    tokio::task::block_in_place(|| furnish(&old));
    fill(&url, number("TOKEND_TEST_SESSIONS", SESSIONS)).await;
    let nodes = Arc::new(Nodes { old, new, bases: Default::default() });
    let mut running = [nodes.start(0, Version::Old).await, nodes.start(1, Version::Old).await];
    let seen = Arc::new(Seen::default());
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(go_on(number, Arc::clone(&nodes), Arc::clone(&seen)));
    }
    seen.more(&mut clients).await;
    // The new version migrates beside two nodes of the old one.
    tokio::task::block_in_place(|| nodes.new.run(&["migrate"])).ok();
    for (place, end, version) in CHANGES {
        seen.more(&mut clients).await;
        end_node(running[place].take(), end);
        seen.more(&mut clients).await;
        running[place] = nodes.start(place, version).await;
    }
    seen.more(&mut clients).await;
    seen.stop.store(true, Ordering::SeqCst);
    while let Some(client) = clients.join_next().await {
        client.expect("every refresh of the client was answered");
    }
    let longest = Duration::from_micros(seen.longest_us.load(Ordering::SeqCst) as u64);
    let answered = seen.answered.load(Ordering::SeqCst);
    println!("RESULT rolling_upgrade refreshes={answered} longest={longest:?} changes={}", CHANGES.len());
    assert!(longest < LONGEST, "a refresh took {longest:?}");
    tokio::task::block_in_place(|| nodes.new.run(&["audit", "verify"])).ok();
}

fn end_node(running: Option<Running>, end: End) {
    let running = running.expect("it runs");
    tokio::task::block_in_place(|| match end {
        End::Stopped => assert!(running.stop().0.success()),
        End::Killed => drop(running),
    });
}

fn node(program: Program, url: &str) -> Program {
    program
        .set("TOKEND_LISTEN", "127.0.0.1:0")
        .set("TOKEND_ISSUER", "https://auth.example.com")
        .set("TOKEND_SECRET", MASTER_SECRET)
        .set("TOKEND_THROTTLE__ENABLED", "false")
        .set("TOKEND_SESSIONS__REUSE_WINDOW", "1s")
        .set("TOKEND_DATABASE", url)
}

fn furnish(old: &Program) {
    old.run(&["migrate"]).ok();
    for number in 0..CLIENTS {
        old.run_with(&["user", "add", &format!("user-{number}"), "--password-stdin"], PASSWORD).ok();
    }
    let client = ["client", "add", "app", "--name", "App", "--public", "--first-party", "--scope", "openid"];
    old.run(&[&client[..], &["--grant", "password", "--grant", "refresh_token"]].concat()).ok();
}

/// Sessions that nobody uses.
async fn fill(url: &str, sessions: usize) {
    let insert = format!(
        "INSERT INTO sessions (id, user_id, client_id, scope, audience, generation, current_hash, rotated_at, created_at, auth_time, \
         last_used_at, idle_expires_at, expires_at) SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), 'app', 'openid', \
         'https://auth.example.com', 1, decode(repeat('00', 32), 'hex'), 1, 1, 1, 1, 9000000000, 9000000000 \
         FROM generate_series(1, {sessions})"
    );
    let mut connection = PgConnection::connect(url).await.expect("PostgreSQL answers");
    sqlx::raw_sql(AssertSqlSafe(insert)).execute(&mut connection).await.expect("there is room");
}

/// A client that refreshes until it is told to stop, at either node, whichever answers.
async fn go_on(number: usize, nodes: Arc<Nodes>, seen: Arc<Seen>) {
    let http = reqwest::Client::new();
    let user = format!("user-{number}");
    let form = [("username", user.as_str()), ("password", PASSWORD), ("client_id", "app")];
    let mut token = nodes.ask(&http, number, "/login", &form).await;
    let mut turn = number;
    while !seen.stop.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("client_id", "app")];
        token = nodes.ask(&http, turn, "/token", &form).await;
        seen.longest_us.fetch_max(usize::try_from(begun.elapsed().as_micros()).expect("it is short"), Ordering::SeqCst);
        seen.answered.fetch_add(1, Ordering::SeqCst);
        turn += 1;
    }
}

impl Nodes {
    async fn start(&self, place: usize, version: Version) -> Option<Running> {
        let program = match version {
            Version::Old => &self.old,
            Version::New => &self.new,
        };
        let (running, line) = tokio::task::block_in_place(|| {
            let running = program.start(&["serve"]);
            let line = running.wait_for_log("\"listening\"");
            (running, line)
        });
        *self.bases[place].write().await = base_in(&line);
        Some(running)
    }

    /// The refresh token of a good answer. A node that gives none is left for the other one; anything but 503 is a failure.
    async fn ask(&self, http: &reqwest::Client, turn: usize, path: &str, form: &[(&str, &str)]) -> String {
        for attempt in turn.. {
            let base = self.bases[attempt % 2].read().await.clone();
            let reply = send(http, &base, path, form).await;
            match reply.status {
                200 => return reply.text("refresh_token"),
                0 | 503 => tokio::time::sleep(PAUSE).await,
                status => panic!("{path}: {status} {}", reply.body),
            }
        }
        unreachable!("there is always another attempt")
    }
}

impl Seen {
    /// Waits until the clients have had some more answers. Fails with the first client that does.
    async fn more(&self, clients: &mut JoinSet<()>) {
        let enough = self.answered.load(Ordering::SeqCst) + BETWEEN;
        while self.answered.load(Ordering::SeqCst) < enough {
            if let Some(client) = clients.try_join_next() {
                client.expect("every refresh of the client was answered");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
