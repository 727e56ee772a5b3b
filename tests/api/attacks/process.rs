//! F and I, on the real process: what its memory comes to under sign-ins that nobody waits for, and what others on its
//! machine can see of it.

use std::fs;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{Answer, Database, Engine, MASTER_SECRET, PASSWORD, Program, Serving, on_both_databases};

/// Large enough to be seen beside everything else in the process.
const MEMORY_KIB: u64 = 32 * 1024;
const THREADS: u64 = 2;

/// What queues, connections and answers may take beside the threads' memory.
const REST_KIB: u64 = 64 * 1024;

/// The program with a user alice and, unless told otherwise, an SQLite of its own.
fn serve(program: Program) -> Serving {
    // All sign-ins are one account's, from one address.
    Serving::start(program.set("TOKEND_THROTTLE__ENABLED", "false"), THREADS, MEMORY_KIB)
}

/// Signs alice in. An overloaded server may say that it is, and when to come again.
async fn sign_in(address: &str) -> StatusCode {
    let form = [("username", "alice"), ("password", PASSWORD)];
    let request = reqwest::Client::new().post(format!("http://{address}/login")).form(&form);
    let answer = request.timeout(Duration::from_mins(1)).send().await.expect("the server answers");
    match answer.status() {
        StatusCode::SERVICE_UNAVAILABLE => assert!(answer.headers().contains_key("retry-after"), "{answer:?}"),
        status => assert_eq!(status, StatusCode::OK),
    }
    answer.status()
}

/// Sends a whole sign-in and is gone before it is answered.
async fn abandon(address: String) {
    let body = format!("username=alice&password={}", PASSWORD.replace(' ', "+"));
    let head = "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
}

/// Solana-private-channels#247, keycloak#28477. Whoever waits or doesn't, so many hash at once as there are threads.
#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_that_nobody_waits_for_take_no_more_memory_than_the_threads_have() {
    let server = serve(Program::new());
    let (process, address) = (&server.process, &server.address);
    assert_eq!(sign_in(address).await, StatusCode::OK);
    let before = process.peak_kib();
    for _ in 0..10 {
        let mut abandoned = JoinSet::new();
        for _ in 0..100 {
            abandoned.spawn(abandon(address.clone()));
        }
        abandoned.join_all().await;
    }
    let mut waiting = JoinSet::new();
    for _ in 0..200 {
        let address = address.clone();
        waiting.spawn(async move { sign_in(&address).await });
    }
    let answers = waiting.join_all().await;
    let signed_in = answers.iter().filter(|status| **status == StatusCode::OK).count();
    let grown = process.peak_kib() - before;
    println!("{signed_in} of 200 signed in, {before} KiB at first and {grown} KiB more at the peak");
    assert!(grown <= (THREADS - 1) * MEMORY_KIB + REST_KIB, "{grown} KiB");
    // All of them may have been told to come again; then there is room soon.
    let again = async { while sign_in(address).await != StatusCode::OK {} };
    tokio::time::timeout(Duration::from_mins(1), again).await.expect("there is room again");
}

/// Nothing of the process's memory is left on a disk, and its command line has no secret.
#[test]
fn the_process_keeps_its_secrets_to_itself() {
    let server = serve(Program::new());
    let about = |what: &str| fs::read_to_string(format!("/proc/{}/{what}", server.process.id())).expect("it runs");
    let limits = about("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    assert!(!about("cmdline").contains(MASTER_SECRET));
    // The kernel gives what belongs to a process that can't be dumped to root (proc(5)).
    let environment = fs::metadata(format!("/proc/{}/environ", server.process.id())).expect("it runs");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&environment), 0);
}

/// What every thread of the process writes at the finest level, which a test within one process doesn't hear.
async fn nothing_secret_is_written(engine: Engine) {
    let database = Database::new(engine).await;
    let program = Program::new().set("TOKEND_DATABASE", &database.url).set("TOKEND_LOG__FILTER", "trace");
    let server = serve(program);
    let address = &server.address;
    let http = reqwest::Client::builder().http2_prior_knowledge().build().expect("a client");
    let post = |path: &str| http.post(format!("http://{address}{path}"));
    let answer = async |request: reqwest::RequestBuilder| Answer::read(request.send().await.expect("an answer")).await;
    let mut secrets = vec![PASSWORD.to_owned(), PASSWORD.replace(' ', "+"), MASTER_SECRET.to_owned()];
    for password in ["canary-of-a-wrong-password", PASSWORD] {
        let form = [("username", "alice"), ("password", password)];
        let first = answer(post("/login").form(&form)).await;
        secrets.push(password.to_owned());
        if first.status == 200 {
            let second = answer(post("/refresh").form(&[("refresh_token", first.refresh_token())])).await;
            answer(http.get(format!("http://{address}/userinfo")).bearer_auth(second.access_token())).await.ok();
            answer(post("/revoke").form(&[("client_id", "app".to_owned()), ("token", second.access_token())]))
                .await
                .ok();
            answer(post("/logout").form(&[("refresh_token", second.refresh_token())])).await.no_content();
            answer(post("/refresh").form(&[("refresh_token", second.refresh_token())]))
                .await
                .refused(401, "invalid_grant");
            for tokens in [first, second] {
                secrets.extend([tokens.access_token(), tokens.refresh_token()]);
            }
        }
    }
    let (_, stdout, rest) = server.process.stop();
    let written = [server.log.join("\n"), stdout, rest].join("\n");
    assert!(written.lines().filter(|line| line.contains("TRACE")).count() > 100, "{written:.2000}");
    for secret in &secrets {
        assert_eq!(written.lines().find(|line| line.contains(secret)), None, "{secret}");
    }
}

on_both_databases!(nothing_secret_is_written);
