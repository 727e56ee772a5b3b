//! The server as its clients and attackers see it, over real sockets; `timing` has its own clock instead.

mod draining;
mod framing;
mod http2;
mod timing;
mod tls;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::*;
use crate::http::error::OAuthError;

/// A limit that is not what the test is about.
const NEVER: Duration = Duration::from_hours(1);
const SOON: Duration = Duration::from_millis(100);

const LIMITS: Limits =
    Limits { header_timeout: NEVER, idle_timeout: NEVER, shutdown_timeout: NEVER, max_connections: 100 };

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST_GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// With the peer as an extension of each request.
impl Handler for Router {
    async fn answer(self, mut request: Request, peer: Peer) -> Response {
        request.extensions_mut().insert(peer);
        let Ok(response) = self.oneshot(request).await;
        numbered(response)
    }

    fn reject(&self, _: Option<&Request>, _: Peer, rejection: Rejection) -> Response {
        numbered(OAuthError::from(rejection).into_response())
    }
}

fn numbered(mut response: Response) -> Response {
    response.headers_mut().insert("x-request-id", HeaderValue::from_static("a-number"));
    response
}

const HEAD_TOO_LARGE: &str =
    r#"{"error":"invalid_request","error_description":"The header fields of the request are too large."}"#;

struct Started {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    run: JoinHandle<()>,
}

async fn start(limits: Limits, tls: Option<TlsFiles>, app: Router) -> Started {
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), limits, tls).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(server.run(app, async { stopped.await.unwrap_or_default() }));
    Started { address, stop, run }
}

impl Started {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Tells the server to stop and waits until it has.
    async fn end(self) {
        self.stop.send(()).unwrap();
        in_time(self.run).await.unwrap();
    }
}

/// Fails instead of hanging.
async fn in_time<F: Future>(future: F) -> F::Output {
    time::timeout(Duration::from_secs(20), future).await.expect("the server lets a client wait for ever")
}

/// All that the server still sends until it closes the connection in order, that is without a reset.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    in_time(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

/// One answer that has a body, from a connection that stays open.
async fn next(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    while !answer.ends_with("hello") {
        answer.push(char::from(in_time(stream.read_u8()).await.unwrap()));
    }
    answer
}

fn hello() -> Router {
    Router::new().route("/", any(|| async { "hello" }))
}

/// An app whose requests say that they have begun, and then run until they are let go.
fn gated() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun_here, go_here) = (Arc::clone(&begun), Arc::clone(&go));
    let app = Router::new().route(
        "/",
        get(async move || {
            begun_here.notify_one();
            go_here.notified().await;
            "hello"
        }),
    );
    (app, begun, go)
}

#[tokio::test]
async fn a_request_knows_its_peer() {
    let app = Router::new().route("/", get(|Extension(Peer(peer)): Extension<Peer>| async move { peer.to_string() }));
    let server = start(LIMITS, None, app).await;
    let mut client = server.connect().await;
    client.write_all(LAST_GET.as_bytes()).await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.ends_with(&client.local_addr().unwrap().to_string()), "{answer}");
    drop(client);
    server.end().await;
}

/// Each connection by the worker that has the fewest, and by no other until it ends.
#[tokio::test]
async fn workers_share_the_connections() {
    let threads = crate::threads::Threads::start(3).unwrap();
    let worker = |(number, runtime): (usize, &Handle)| {
        let handler = Router::new().route("/", get(move || async move { format!("worker {number}, hello") }));
        (runtime.clone(), handler)
    };
    let workers: Vec<_> = threads.runtimes().enumerate().map(worker).collect();
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), LIMITS, None).await.unwrap();
    let address = server.local_addr();
    let (stage, stages) = watch::channel(Stage::Running);
    let run = tokio::spawn(server.run_on(workers, stages));
    // A connection, and the number of its worker.
    let connect = async || {
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..2 {
            client.write_all(GET.as_bytes()).await.unwrap();
            answers.push(next(&mut client).await.split_once("worker ").unwrap().1.to_owned());
        }
        assert_eq!(answers[0], answers[1]);
        (client, answers[0].split(',').next().unwrap().parse::<usize>().unwrap())
    };
    let counts = |clients: &[(TcpStream, usize)]| [0, 1, 2].map(|n| clients.iter().filter(|(_, of)| *of == n).count());
    let mut clients = Vec::new();
    for _ in 0..9 {
        clients.push(connect().await);
    }
    assert_eq!(counts(&clients), [3, 3, 3]);
    for (mut client, _) in clients.extract_if(.., |(_, of)| *of == 1) {
        client.shutdown().await.unwrap();
        rest(&mut client).await;
    }
    for _ in 0..6 {
        clients.push(connect().await);
    }
    assert_eq!(counts(&clients), [4, 4, 4]);
    drop(clients);
    let mut alone = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(LAST_GET.as_bytes()).await.unwrap();
        alone.insert(rest(&mut client).await.split_once("worker ").unwrap().1.to_owned());
    }
    assert!(alone.len() > 1, "one after the other, not all by the same: {alone:?}");
    stage.send_replace(Stage::Stopping);
    in_time(run).await.unwrap();
}

#[tokio::test]
async fn an_ipv4_peer_of_an_ipv6_socket_is_known_by_its_ipv4_address() {
    let app = Router::new().route("/", get(|Extension(Peer(peer)): Extension<Peer>| async move { peer.to_string() }));
    let Ok(server) = Server::bind("[::]:0".parse().unwrap(), LIMITS, None).await else {
        return; // This machine has no IPv6.
    };
    let port = server.local_addr().port();
    tokio::spawn(server.run(app, std::future::pending()));
    let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    client.write_all(LAST_GET.as_bytes()).await.unwrap();
    assert!(rest(&mut client).await.contains("\r\n127.0.0.1:"));
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_one_to_end() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    let app = Router::new().fallback(async move |uri: axum::http::Uri| {
        seen.lock().unwrap().push(uri.path().to_owned());
        "hello"
    });
    let server = start(Limits { max_connections: 1, ..LIMITS }, None, app).await;
    let mut first = server.connect().await;
    first.write_all(GET.as_bytes()).await.unwrap();
    next(&mut first).await;
    let mut second = server.connect().await;
    second.write_all(LAST_GET.replace("GET /", "GET /second").as_bytes()).await.unwrap();
    for _ in 0..100 {
        first.write_all(GET.as_bytes()).await.unwrap();
        next(&mut first).await;
    }
    drop(first);
    assert!(rest(&mut second).await.ends_with("hello"));
    drop(second);
    assert_eq!(order.lock().unwrap().iter().position(|path| path == "/second"), Some(101));
    server.end().await;
}

#[tokio::test]
async fn stopping_lets_a_running_request_finish_and_closes_the_idle_connections() {
    let (app, begun, go) = gated();
    let server = start(LIMITS, None, app.route("/idle", get(|| async { "hello" }))).await;
    let (mut busy, mut idle, mut silent) = (server.connect().await, server.connect().await, server.connect().await);
    idle.write_all(GET.replace("GET /", "GET /idle").as_bytes()).await.unwrap();
    next(&mut idle).await;
    busy.write_all(GET.as_bytes()).await.unwrap();
    in_time(begun.notified()).await;

    server.stop.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    assert!(TcpStream::connect(server.address).await.is_err(), "it still accepts");
    go.notify_one();
    let answer = rest(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    drop((busy, idle, silent));
    in_time(server.run).await.unwrap();
}

#[tokio::test]
async fn stopping_waits_no_longer_than_the_shutdown_timeout() {
    let (app, begun, _go) = gated();
    let server = start(Limits { shutdown_timeout: SOON, ..LIMITS }, None, app).await;
    let mut client = server.connect().await;
    client.write_all(GET.as_bytes()).await.unwrap();
    in_time(begun.notified()).await;
    server.end().await;
    assert_eq!(rest(&mut client).await, "");
}

async fn fails() -> &'static str {
    panic!("on purpose")
}

#[tokio::test]
async fn a_panic_ends_its_own_connection_only() {
    let app = hello().route("/panic", get(fails));
    let server = start(Limits { max_connections: 1, ..LIMITS }, None, app).await;
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.write_all(GET.replace("GET /", "GET /panic").as_bytes()).await.unwrap();
        assert_eq!(rest(&mut client).await, "");
    }
    let mut client = server.connect().await;
    client.write_all(LAST_GET.as_bytes()).await.unwrap();
    assert!(rest(&mut client).await.ends_with("hello"));
    drop(client);
    server.end().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_with_json_and_a_huge_one_without_being_read() {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    let app = Router::new().fallback(async move || {
        count.fetch_add(1, Ordering::SeqCst);
        "hello"
    });
    let server = start(LIMITS, None, app).await;
    for (size, status, body) in [
        (15_000, "200 OK", "hello"),
        (17_000, "431 Request Header Fields Too Large", HEAD_TOO_LARGE),
        (1_000_000, "431 Request Header Fields Too Large", ""),
    ] {
        let mut client = server.connect().await;
        let head = LAST_GET.replace("\r\n\r\n", &format!("\r\nCookie: {}\r\n\r\n", "c".repeat(size)));
        client.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut client).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{size}: {answer}");
        assert_eq!(answer.split_once("\r\n\r\n").unwrap().1, body);
    }
    assert_eq!(reached.load(Ordering::SeqCst), 1);
    server.end().await;
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_connection_closed() {
    let server = start(LIMITS, None, hello()).await;
    let headers = "x: y\r\n".repeat(101);
    for (sent, status) in [
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400 Bad Request"),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/3.0\r\n\r\n", "400 Bad Request"),
        (&format!("GET / HTTP/1.1\r\n{headers}\r\n"), "431 Request Header Fields Too Large"),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "400 Bad Request"),
    ] {
        let mut client = server.connect().await;
        client.write_all(sent.as_bytes()).await.unwrap();
        let answer = rest(&mut client).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{sent}: {answer}");
        assert!(answer.contains("content-length: 0\r\n") && answer.ends_with("\r\n\r\n"), "{sent}: {answer}");
        assert!(
            answer.contains("\r\nx-request-id: a-number\r\n") && !answer.contains("content-type"),
            "{sent}: {answer}"
        );
    }
    server.end().await;
}

#[tokio::test]
async fn a_client_that_sends_a_body_nobody_reads_still_gets_its_answer() {
    let server = start(LIMITS, None, hello()).await;
    let mut client = server.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&vec![b'x'; 8_000_000]).await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("hello"), "{answer}");
    drop(client);
    server.end().await;
}

/// Whether a client that keeps its connection is told that there is no point in it, RFC 9112 §9.6.
#[tokio::test]
async fn a_connection_ends_after_a_body_that_was_not_read_and_says_so() {
    let first = |mut body: axum::body::Body| async move {
        let _ = body.frame().await;
        "hello"
    };
    let app = hello().route("/all", any(|_: String| async { "hello" })).route("/first", any(first));
    let server = start(Limits { max_connections: 1, ..LIMITS }, None, app).await;
    let large = "c".repeat(17_000);
    for (path, fields, body, closes) in [
        ("/", "Content-Length: 5\r\n", "", true),
        ("/", "Content-Length: 5\r\n", "abcde", true),
        ("/", "Content-Length: 5\r\nExpect: 100-continue\r\n", "", true),
        ("/", "Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n", true),
        ("/", &format!("Cookie: {large}\r\nContent-Length: 5\r\n"), "", true),
        ("/first", "Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n", true),
        ("/first", "Content-Length: 5\r\n", "abcde", false),
        ("/all", "Content-Length: 5\r\n", "abcde", false),
        ("/all", "Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n0\r\n\r\n", false),
        ("/", "Content-Length: 0\r\n", "", false),
        ("/", "", "", false),
    ] {
        let mut client = server.connect().await;
        let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}");
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = if closes { rest(&mut client).await } else { next(&mut client).await };
        let said = answer.matches("\r\nconnection: close\r\n").count();
        assert_eq!(said, usize::from(closes), "{path} {fields:.40} {body}: {answer}");
        if !closes {
            client.write_all(LAST_GET.as_bytes()).await.unwrap();
            assert!(rest(&mut client).await.ends_with("hello"));
        }
    }
    server.end().await;
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = start(LIMITS, None, hello()).await;
    let error = Server::bind(server.address, LIMITS, None).await.err().unwrap();
    assert!(matches!(error, ServeError::AddressInUse(address) if address == server.address));
    server.end().await;
}
