//! F and I, on the real process: what its memory comes to under sign-ins that nobody waits for, and what others on its
//! machine can see of it.

use std::fs;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{PASSWORD, Program, Running};

/// Large enough to be seen beside everything else in the process.
const MEMORY_KIB: u64 = 32 * 1024;
const THREADS: u64 = 2;

/// What queues, connections and answers may take beside the threads' memory.
const REST_KIB: u64 = 64 * 1024;

/// The program with a user alice, and the address at which it serves.
fn serving() -> (Program, Running, String) {
    let program = Program::new()
        .set("TOKEND_LISTEN", "127.0.0.1:0")
        .set("TOKEND_SECRET", "a-master-secret-of-this-process-x")
        .set("TOKEND_PASSWORDS__MEMORY_KIB", &MEMORY_KIB.to_string())
        .set("TOKEND_PASSWORDS__THREADS", &THREADS.to_string());
    program.run_with(&["user", "add", "alice", "--password-stdin"], PASSWORD).ok();
    let client = ["client", "add", "app", "--name", "App", "--public", "--first-party"];
    let rights = ["--grant", "password", "--grant", "refresh_token", "--scope", "openid"];
    program.run(&[&client[..], &rights].concat()).ok();
    let running = program.start(&[]);
    let line: serde_json::Value = serde_json::from_str(&running.wait_for_log("\"listening\"")).expect("a line of JSON");
    let address = line["fields"]["address"].as_str().or(line["address"].as_str()).expect("an address").to_owned();
    (program, running, address)
}

/// The most memory that the process ever had, in KiB.
fn peak_kib(process: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
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

/// 95, 96: solana-private-channels#247, keycloak#28477. Whoever waits or doesn't, so many hash at once as there are threads.
#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_that_nobody_waits_for_take_no_more_memory_than_the_threads_have() {
    let (_program, process, address) = serving();
    assert_eq!(sign_in(&address).await, StatusCode::OK);
    let before = peak_kib(&process);
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
    let grown = peak_kib(&process) - before;
    println!("{signed_in} of 200 signed in, {before} KiB at first and {grown} KiB more at the peak");
    assert!(grown <= (THREADS - 1) * MEMORY_KIB + REST_KIB, "{grown} KiB");
    // All of them may have been told to come again; then there is room soon.
    let again = async { while sign_in(&address).await != StatusCode::OK {} };
    tokio::time::timeout(Duration::from_mins(1), again).await.expect("there is room again");
}

/// 142: nothing of the process's memory is left on a disk, and its command line has no secret.
#[test]
fn the_process_keeps_its_secrets_to_itself() {
    let (_program, process, _) = serving();
    let about = |what: &str| fs::read_to_string(format!("/proc/{}/{what}", process.id())).expect("it runs");
    let limits = about("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    assert!(!about("cmdline").contains("a-master-secret"));
    // The kernel gives what belongs to a process that can't be dumped to root (proc(5)).
    let environment = fs::metadata(format!("/proc/{}/environ", process.id())).expect("it runs");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&environment), 0);
}
