//! Standard error and standard output that nobody reads, or nothing can be written to: the server serves and stops, and a start that
//! fails ends, as if somebody read them.

use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::process::Stdio;
use std::time::Duration;

use reqwest::Client;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Program, Running};

/// A second is waited for the reader; the rest is for a machine that has much to do.
const SECONDS: Duration = Duration::from_secs(10);

/// More lines than a pipe and what waits in front of it hold together.
const TOO_MANY: usize = 6_000;

/// A server, and the end of the pipe at which its log can be read.
struct Unread {
    process: Running,
    address: String,
    log: BufReader<PipeReader>,
    http: Client,
    _program: Program,
}

impl Unread {
    /// The log is read until the server listens, and then no more.
    fn start(program: Program) -> Self {
        let program = program.set("TOKEND_LISTEN", "127.0.0.1:0");
        let (log, stderr) = pipe().unwrap();
        let process = program.start_writing_to(&["serve"], Stdio::null(), stderr.into());
        let mut log = BufReader::new(log);
        let address = address_in(&mut log);
        Self { process, address, log, http: Client::new(), _program: program }
    }

    /// Requests that are refused, each with a line in the log.
    async fn refused(&self, number: usize) {
        for _ in 0..number {
            let answer = self.http.get(format!("http://{}/nowhere", self.address)).send().await.expect("an answer");
            assert_eq!(answer.status(), 404);
        }
    }

    /// How many lines of this level were dropped, as `/metrics` has it.
    async fn dropped(&self, level: &str) -> usize {
        let answer = self.http.get(format!("http://{}/metrics", self.address)).send().await.expect("an answer");
        let text = answer.text().await.unwrap();
        let series = format!("tokend_log_lines_dropped_total{{level=\"{level}\"}} ");
        let number = text.lines().find_map(|line| line.strip_prefix(&series)).expect("it is there");
        number.parse().unwrap()
    }

    /// Asks the server to stop, which must be as if the log were read.
    #[track_caller]
    fn must_stop(self) -> BufReader<PipeReader> {
        self.process.terminate();
        assert_eq!(self.process.code_within(SECONDS), Some(0));
        self.log
    }
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
}

/// Reads the log until the server says where it listens.
fn address_in(log: &mut BufReader<PipeReader>) -> String {
    let listening = log.lines().map(|line| json(&line.unwrap())).find(|line| line["message"] == "listening");
    listening.expect("it listens")["address"].as_str().unwrap().to_owned()
}

/// A pipe that takes nothing more until somebody reads it.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'\n'; 4096]).is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_stops_nobody() {
    let server = Unread::start(Program::new());
    server.refused(TOO_MANY).await;
    assert!(server.dropped("info").await > 0);
    for level in ["error", "warn", "debug", "trace"] {
        assert_eq!(server.dropped(level).await, 0, "{level}");
    }
    // The lines that the pipe has taken are whole, though nobody read them while the server ran.
    let rest: Vec<_> = server.must_stop().lines().map(Result::unwrap).collect();
    assert!(!rest.is_empty() && rest.iter().all(|line| json(line)["message"].is_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_on_is_told_how_much_is_missing_and_where() {
    let mut server = Unread::start(Program::new());
    server.refused(TOO_MANY).await;
    let mut requests: Vec<String> = Vec::new();
    let report = loop {
        let mut line = String::new();
        server.log.read_line(&mut line).unwrap();
        let line = json(&line);
        match line["message"].as_str().unwrap() {
            "request" => requests.push(line["timestamp"].as_str().unwrap().to_owned()),
            message if message.starts_with("log lines were dropped here") => break line,
            // A server writes its first anchor whenever it gets to it.
            "audit trail anchored" => {}
            message => panic!("{message}"),
        }
    };
    let dropped = usize::try_from(report["lines"].as_u64().unwrap()).unwrap();
    assert_eq!((&report["level"], &report["errors"], &report["warnings"]), (&"WARN".into(), &0.into(), &0.into()));
    assert_eq!(requests.len() + dropped, TOO_MANY);
    assert_eq!(server.dropped("info").await, dropped);
    assert!(requests.is_sorted(), "the lines are in their order");

    server.refused(5).await;
    server.process.terminate();
    let mut rest = String::new();
    server.log.read_to_string(&mut rest).unwrap();
    let messages: Vec<_> = rest.lines().map(|line| json(line)["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(messages.iter().filter(|message| *message == "request").count(), 5, "{messages:?}");
    assert_eq!(messages.last().unwrap(), "stopped");
    assert_eq!(server.process.code_within(SECONDS), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_reader_is_gone_stops_nobody() {
    let (log, stderr) = pipe().unwrap();
    let program = Program::new().set("TOKEND_LISTEN", "127.0.0.1:0");
    let process = program.start_writing_to(&["serve"], Stdio::null(), stderr.into());
    let mut log = BufReader::new(log);
    let address = address_in(&mut log);
    drop(log);
    let http = Client::new();
    for _ in 0..20 {
        assert_eq!(http.get(format!("http://{address}/nowhere")).send().await.unwrap().status(), 404);
    }
    process.terminate();
    assert_eq!(process.code_within(SECONDS), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_process_though_nobody_reads_the_log() {
    let server = Unread::start(Program::new());
    server.refused(TOO_MANY).await;
    // A request that never ends: the server waits for its body.
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let head = "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n";
    stream.write_all(format!("{head}expect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    server.process.terminate();
    let is_stopping = async {
        while TcpStream::connect(&server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SECONDS, is_stopping).await.expect("it has heard the first one");
    server.process.terminate();
    assert_eq!(server.process.code_within(SECONDS), Some(1));
}

#[test]
fn a_start_that_fails_ends_though_nobody_reads_why() {
    for (variable, value, arguments, code) in [
        ("TOKEND_LISTEN", "nonsense", &["serve"][..], 1),
        ("TOKEND_LISTEN", "nonsense", &[], 1),
        ("TOKEND_DATABASE", "sqlite:/dev/null/tokend.db", &["serve"], 1),
        ("TOKEND_SECRET_FILE", ".", &["serve"], 1),
        ("TOKEND_LISTEN", "127.0.0.1:0", &["serve", "--nonsense"], 2),
    ] {
        let program = Program::new().set(variable, value);
        let (_reader, stderr) = full_pipe();
        let process = program.start_writing_to(arguments, Stdio::null(), stderr.into());
        assert_eq!(process.code_within(SECONDS), Some(code), "{variable}={value} {arguments:?}");
    }
}

/// The reader may come late, and finds everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_goes_on_though_nobody_reads_its_secrets() {
    let program = Program::new().set("TOKEND_LISTEN", "127.0.0.1:0");
    let ((mut reader, stdout), (log, stderr)) = (full_pipe(), pipe().unwrap());
    let process = program.start_writing_to(&["serve"], stdout.into(), stderr.into());
    let address = address_in(&mut BufReader::new(log));
    assert_eq!(reqwest::get(format!("http://{address}/health/ready")).await.unwrap().status(), 200);
    let mut printed = Vec::new();
    let mut part = [0; 4096];
    while !String::from_utf8_lossy(&printed).contains("\nData: ") {
        let read = reader.read(&mut part).unwrap();
        printed.extend_from_slice(&part[..read]);
    }
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains(" PASSWORD=") && printed.contains(" SECRET="), "{printed}");
    process.terminate();
    assert_eq!(process.code_within(SECONDS), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_on_a_full_disk_does_not_delay_the_stop() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let program = Program::new().set("TOKEND_LISTEN", "127.0.0.1:0");
    let (mut reader, stdout) = pipe().unwrap();
    let process = program.start_writing_to(&["serve"], stdout.into(), full.into());
    // What the first start prints.
    let mut first = [0; 1];
    reader.read_exact(&mut first).unwrap();
    process.terminate();
    assert!(process.code_within(SECONDS).is_none_or(|code| code == 0), "a signal may come before it is listened for");
}
