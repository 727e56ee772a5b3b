//! Starts of the real program before its database is there.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{
    Answer, Cluster, MASTER_SECRET, Outcome, Program, Proxy, Running, free_port, new_database, url_of,
};

/// Much shorter than the wait of these programs, and longer than a start takes.
const SOON: Duration = Duration::from_secs(30);

/// A program whose database is at `url`, and the base of its addresses.
fn program(url: &str) -> (Program, String) {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let program = Program::new()
        .set("TOKEND_DATABASE", url)
        .set("TOKEND_DATABASE__WAIT", "1h")
        .set("TOKEND_SECRET", MASTER_SECRET)
        .set("TOKEND_ISSUER", "https://auth.example.com/auth")
        .set("TOKEND_LISTEN", &address.to_string());
    (program, format!("http://{address}/auth"))
}

/// The same database at a port where nothing listens yet.
fn absent(url: &str) -> (u16, String) {
    let port = free_port();
    let mut url = url::Url::parse(url).unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(port)).unwrap();
    (port, url.to_string())
}

async fn ask(method: Method, url: String) -> Answer {
    Answer::read(Client::new().request(method, url).send().await.expect("it listens")).await
}

/// Answers each start of a session with `error`, as a PostgreSQL in that state does.
async fn postgres_that_says(code: &str, message: &str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    let error = [b"E", &length[..], fields.as_bytes()].concat();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let error = error.clone();
            tokio::spawn(async move {
                // It is asked for TLS, doesn't have it, and is then told who wants to sign in.
                let mut request = [0; 8];
                if client.read_exact(&mut request).await.is_ok() && client.write_all(b"N").await.is_ok() {
                    let _ = client.read(&mut [0; 1024]).await;
                    let _ = client.write_all(&error).await;
                    let _ = client.shutdown().await;
                    let _ = client.read(&mut [0; 1024]).await;
                }
            });
        }
    });
    format!("postgres://u@{address}/x")
}

#[track_caller]
fn waits(program: &Program, command: &[&str]) -> Running {
    let running = program.start(command);
    let line = running.wait_for_log("aiting");
    assert!(line.contains("database.wait"), "{line}");
    running
}

/// At once, with one line and without a wait.
#[track_caller]
fn refused_at_once(program: &Program, command: &[&str], reason: &str) -> Outcome {
    let begun = Instant::now();
    let outcome = program.run(command);
    outcome.refused(reason);
    assert!(begun.elapsed() < SOON && !outcome.stderr.contains("database.wait"), "{outcome:?}");
    outcome
}

/// SQLite deletes a log whose database isn't there, and with it every change since the last checkpoint.
#[test]
fn the_log_of_a_database_that_is_missing_is_left_alone() {
    let program = Program::new().set("TOKEND_LISTEN", "127.0.0.1:0");
    program.run(&["migrate"]).ok();
    program.run(&["user", "add", "alice", "--no-password"]).ok();
    let database = program.directory().join("data/tokend.db");
    for suffix in ["-wal", "-journal"] {
        let log = program.directory().join(format!("data/tokend.db{suffix}"));
        std::fs::rename(&database, &log).unwrap();
        let before = std::fs::read(&log).unwrap();
        for command in [&["serve"][..], &["migrate"], &["migrate", "--dry-run"]] {
            program.run(command).refused(&format!("is missing or empty, but its log data/tokend.db{suffix} is there"));
        }
        assert_eq!(program.run(&["check"]).code, Some(1));
        assert!(!database.exists() && std::fs::read(&log).unwrap() == before);
        std::fs::rename(&log, &database).unwrap();
    }
    assert!(program.run(&["user", "list"]).ok().stdout.contains("alice"));
}

/// As after a copy that failed, and where the file is a link to a disk that isn't mounted.
#[test]
fn the_log_of_a_database_that_is_empty_or_a_dead_link_is_left_alone() {
    let program = Program::new().set("TOKEND_LISTEN", "127.0.0.1:0");
    program.run(&["migrate"]).ok();
    let in_data = |name: &str| program.directory().join("data").join(name);
    let (database, log) = (in_data("tokend.db"), in_data("tokend.db-wal"));
    std::fs::write(&log, "what was committed last").unwrap();
    std::fs::write(&database, "").unwrap();
    program.run(&["serve"]).refused("is missing or empty, but its log data/tokend.db-wal is there");

    std::fs::remove_file(&database).unwrap();
    std::os::unix::fs::symlink("elsewhere.db", &database).unwrap();
    std::fs::rename(&log, in_data("elsewhere.db-wal")).unwrap();
    program.run(&["serve"]).refused("is missing or empty, but its log data/elsewhere.db-wal is there");
    assert_eq!(std::fs::read(in_data("elsewhere.db-wal")).unwrap(), b"what was committed last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_waits_for_its_database_lives_and_is_not_ready() {
    let url = new_database("").await;
    let (port, through) = absent(&url);
    let (program, base) = program(&through);
    let server = program.start(&["serve", "--bootstrap"]);
    let line = server.wait_for_log("waiting for the database");
    assert!(line.contains("connection refused") && line.contains("database.wait"), "{line}");
    assert_eq!(ask(Method::GET, format!("{base}/health/live")).await.ok().text, r#"{"status":"ok"}"#);
    for (method, path) in [
        (Method::GET, "/health/ready"),
        (Method::POST, "/login"),
        (Method::GET, "/jwks.json"),
        (Method::GET, "/metrics"),
        (Method::GET, "/nowhere"),
        (Method::OPTIONS, "/refresh"),
    ] {
        let answer = ask(method, format!("{base}{path}")).await;
        let refused = answer.refused(503, "temporarily_unavailable");
        assert_eq!((refused.header("retry-after"), refused.header("cache-control")), ("1", "no-store"), "{path}");
        assert_eq!(
            (refused.header("x-content-type-options"), refused.header("content-type")),
            ("nosniff", "application/json")
        );
        assert!(
            refused.header("strict-transport-security").starts_with("max-age=")
                && refused.header("x-request-id").len() == 36
        );
    }
    ask(Method::POST, format!("{base}/health/live")).await.refused(405, "invalid_request");
    let (_proxy, _) = Proxy::to_postgres_at(port, &url).await;
    server.wait_for_log("\"listening\"");
    ask(Method::GET, format!("{base}/health/ready")).await.ok();
    ask(Method::GET, format!("{base}/jwks.json")).await.ok();
    ask(Method::GET, format!("{base}/nowhere")).await.refused(404, "invalid_request");
    assert!(server.stop().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_waits_ends_when_it_is_told_to() {
    let (_, through) = absent(&url_of("postgres"));
    // It serves nobody, so there is nobody to drain.
    let (program, _) = program(&through);
    let server = waits(&program.set("TOKEND_HTTP__DRAIN", "1h"), &[]);
    let begun = Instant::now();
    let (status, _, log) = server.stop();
    assert!(status.success() && begun.elapsed() < SOON && log.contains("\"stopped\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_waits_for_its_database() {
    for command in [&["migrate", "--dry-run"][..], &["migrate"]] {
        let url = new_database("").await;
        let (port, through) = absent(&url);
        let (program, _) = program(&through);
        let running = waits(&program, command);
        let (_proxy, _) = Proxy::to_postgres_at(port, &url).await;
        running.stdout_until("migrations");
        assert!(running.end().0.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_command_waits() {
    let (_, through) = absent(&url_of("postgres"));
    let (program, _) = program(&through);
    for command in
        [&["user", "list"][..], &["client", "list"], &["session", "list"], &["key", "list"], &["audit", "verify"]]
    {
        refused_at_once(&program, command, "connection refused");
    }
    assert_eq!(program.run(&["check"]).code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wait_ends_with_the_reason_and_its_length() {
    let (_, through) = absent(&url_of("postgres"));
    let (program, _) = program(&through);
    let program = program.set("TOKEND_DATABASE__WAIT", "700ms");
    for command in [&["serve"][..], &["migrate"], &["migrate", "--dry-run"]] {
        let outcome = program.run(command);
        let last = outcome.stderr.lines().last().unwrap_or_default();
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(last.starts_with("tokend: cannot open the database postgres on 127.0.0.1:"), "{outcome:?}");
        assert!(last.contains("connection refused") && last.ends_with("; waited 700ms (database.wait)"), "{outcome:?}");
    }
    let program = program.set("TOKEND_DATABASE__WAIT", "0s");
    for command in [&["serve"][..], &["migrate"]] {
        refused_at_once(&program, command, "connection refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_waited_for() {
    for (code, message) in [
        ("57P03", "the database system is starting up"),
        ("57P03", "the database system is shutting down"),
        ("57P01", "terminating connection due to administrator command"),
        ("53300", "sorry, too many clients already"),
    ] {
        let (program, base) = program(&postgres_that_says(code, message).await);
        let server = program.start(&[]);
        assert!(server.wait_for_log("waiting for the database").contains(message));
        ask(Method::GET, format!("{base}/health/live")).await.ok();
    }
    // A proxy that has no server yet, and one that doesn't answer.
    let (refusing, through) = Proxy::to_postgres(&url_of("postgres")).await;
    refusing.refuse(true);
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let silent = format!("postgres://u@{}/x", silent.local_addr().unwrap());
    for url in [
        through.as_str(),
        &format!("{through}?sslmode=disable"),
        &silent,
        "postgres://u@nowhere.invalid/x",
        "postgres:///x?host=/nowhere",
    ] {
        let (program, _) = program(url);
        waits(&program, &["migrate"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_is_refused_at_once() {
    for (code, message) in [
        ("28P01", "password authentication failed for user u"),
        ("28000", "no pg_hba.conf entry for host"),
        ("3D000", "database x does not exist"),
    ] {
        let (program, _) = program(&postgres_that_says(code, message).await);
        for command in [&["serve"][..], &["migrate"]] {
            refused_at_once(&program, command, message);
        }
    }
    let cluster = url_of("postgres");
    let missing = Program::new().directory().join("missing.pem");
    let tls = format!("{}?sslmode=require", postgres_that_says("57P03", "").await);
    let certificate = format!("{cluster}?sslmode=verify-full&sslrootcert={}", missing.display());
    for (url, reason) in
        [(url_of("not_there"), "does not exist"), (tls, "TLS"), (certificate, "cannot open the database")]
    {
        let (program, _) = program(&url);
        refused_at_once(&program, &["serve"], reason);
    }
    let (program, _) = program("sqlite:/proc/not/there.db");
    refused_at_once(&program, &["serve"], "cannot make");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_waited_for_until_it_is_promoted() {
    let primary = Cluster::start().await;
    let standby = primary.standby(primary.address()).await;
    let (program, base) = program(&standby.url());
    let server = program.start(&["serve", "--bootstrap"]);
    assert!(server.wait_for_log("waiting for the database").contains("standby"));
    standby.promote().await;
    server.wait_for_log("\"listening\"");
    ask(Method::GET, format!("{base}/health/ready")).await.ok();
}

#[test]
fn an_address_in_use_is_said_before_the_database_is_asked() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (program, _) = program("postgres://u@127.0.0.1:1/x");
    let program = program.set("TOKEND_LISTEN", &listener.local_addr().unwrap().to_string());
    refused_at_once(&program, &["serve"], "another process uses this address");
}
