//! The real program, which serves its connections on a thread for each processor.

use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::harness::{Answer, Engine, PASSWORD, Program, Serving, new_test_database, on_both_databases};

/// The least that leaves a thread connections of its own.
const CONNECTIONS: i64 = 14;

/// How many sign in at once, so that every thread has some of their connections.
const CLIENTS: usize = 12;

/// How often each of them comes.
const ROUNDS: usize = 20;

/// How often PostgreSQL is asked who is connected. It answers in a fraction of a millisecond, and notices who left soon.
const LOOKS: usize = 20_000;

async fn connected(observer: &mut PgConnection) -> i64 {
    const CONNECTED: &str =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tokend'";
    sqlx::query_scalar(CONNECTED).fetch_one(observer).await.expect("a number")
}

/// Signs in, refreshes at `/token` and asks who it is, over and over on one connection.
async fn use_it(base: String) {
    let http = reqwest::Client::builder().pool_max_idle_per_host(1).build().expect("a client");
    let post = async |path: &str, form: &[(&str, &str)]| {
        Answer::read(http.post(format!("{base}{path}")).form(form).send().await.expect("an answer")).await
    };
    let mut tokens = post("/login", &[("username", "alice"), ("password", PASSWORD)]).await;
    for _ in 0..ROUNDS {
        let token = tokens.ok().refresh_token();
        let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &token)];
        tokens = post("/token", &form).await;
        assert_eq!(tokens.ok().header("refresh-verdict"), "rotate");
        let userinfo = http.get(format!("{base}/userinfo")).bearer_auth(tokens.access_token());
        Answer::read(userinfo.send().await.expect("an answer")).await.ok();
    }
}

/// However many threads there are and whatever they do, and nothing is left open or unsaid when it stops.
async fn the_program_keeps_to_its_connections_and_stops_in_order(engine: Engine) {
    let url = new_test_database(engine).await;
    let program = match &url {
        Some(url) => Program::new().set("TOKEND_DATABASE", url),
        None => Program::new(),
    };
    let program = program
        .set("TOKEND_POSTGRES__MAX_CONNECTIONS", &CONNECTIONS.to_string())
        .set("TOKEND_THROTTLE__ENABLED", "false")
        .set("TOKEND_LOG__FILTER", "info");
    let server = Serving::start(program, 2, 64);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(use_it(format!("http://{}", server.address)));
    }
    let mut observer = match &url {
        Some(url) => Some(PgConnection::connect(url).await.expect("the database answers")),
        None => None,
    };
    let mut most = 0;
    while !clients.is_empty() {
        while let Some(client) = clients.try_join_next() {
            client.expect("it was served");
        }
        match &mut observer {
            Some(observer) => most = most.max(connected(observer).await),
            None => tokio::task::yield_now().await,
        }
    }
    let (status, _, stderr) = server.process.stop();
    assert!(status.success(), "{stderr}");
    assert!(stderr.contains("\"stopped\"") && !stderr.contains("could not be closed"), "{stderr}");
    let Some(mut observer) = observer else {
        let log = server.program.directory().join("data/tokend.db-wal");
        assert!(!log.exists(), "SQLite's log is in its file when its last connection was closed");
        return;
    };
    assert!((1..=CONNECTIONS).contains(&most), "{most} connections");
    let mut left = 1;
    for _ in 0..LOOKS {
        left = connected(&mut observer).await;
        if left == 0 {
            return;
        }
    }
    panic!("{left} connections are left open");
}

on_both_databases!(the_program_keeps_to_its_connections_and_stops_in_order);
