//! The timeouts, to the millisecond: over a pipe in memory, with a clock that jumps to whatever is next to happen.

use std::sync::OnceLock;

use axum::body::Body;
use axum::http::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, DuplexStream};
use tokio::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const TIMES: Limits =
    Limits { header_timeout: Duration::from_secs(10), idle_timeout: Duration::from_mins(1), ..LIMITS };

/// A client of a server that answers `/` after `work`.
fn connect(work: Duration) -> DuplexStream {
    static RUNNING: OnceLock<watch::Sender<Stage>> = OnceLock::new();
    let stages = RUNNING.get_or_init(|| watch::channel(Stage::Running).0).subscribe();
    let app = Router::new().route(
        "/",
        any(async move || {
            time::sleep(work).await;
            "hello"
        }),
    );
    let (client, socket) = tokio::io::duplex(64 * 1024);
    let connection = Connection {
        admission: Admission::new(app, Admission::<Router>::requests(100)),
        limits: TIMES,
        tls: None,
        stages,
    };
    tokio::spawn(connection.serve_http(socket, Peer(SocketAddr::from(([127, 0, 0, 1], 1)))));
    client
}

/// What comes until the server closes, and when that is.
async fn closed(client: &mut (impl AsyncRead + Unpin), since: Instant) -> (String, Duration) {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    (answer, whole_millis(since.elapsed()))
}

/// The timer wheel has a resolution of one millisecond.
fn whole_millis(time: Duration) -> Duration {
    Duration::from_secs_f64((time.as_secs_f64() * 100.0).floor() / 100.0)
}

async fn answered(client: &mut DuplexStream) {
    client.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with("hello") {
        answer.push(char::from(client.read_u8().await.unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_closed_after_the_header_timeout() {
    let start = Instant::now();
    assert_eq!(closed(&mut connect(SECOND), start).await, (String::new(), TIMES.header_timeout));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_dribbles_in_is_closed_after_the_header_timeout() {
    let start = Instant::now();
    let (mut from, mut to) = tokio::io::split(connect(SECOND));
    tokio::spawn(async move {
        while to.write_all(b"G").await.is_ok() {
            time::sleep(SECOND).await;
        }
    });
    assert_eq!(closed(&mut from, start).await, (String::new(), TIMES.header_timeout));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_the_idle_timeout() {
    let mut client = connect(SECOND);
    for _ in 0..3 {
        answered(&mut client).await;
        time::sleep(TIMES.idle_timeout.saturating_sub(SECOND)).await;
    }
    answered(&mut client).await;
    let idle = Instant::now();
    assert_eq!(closed(&mut client, idle).await, (String::new(), TIMES.idle_timeout));
}

#[tokio::test(start_paused = true)]
async fn every_head_has_the_header_timeout_from_its_first_byte_on() {
    let mut client = connect(SECOND);
    answered(&mut client).await;
    time::sleep(5 * SECOND).await;
    client.write_all(b"GET / HT").await.unwrap();
    let begun = Instant::now();
    assert_eq!(closed(&mut client, begun).await, (String::new(), TIMES.header_timeout));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_runs_for_longer_than_every_timeout_is_answered() {
    let mut client = connect(10 * TIMES.idle_timeout);
    answered(&mut client).await;
    let idle = Instant::now();
    assert_eq!(closed(&mut client, idle).await, (String::new(), TIMES.idle_timeout));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_answer_is_cut_off_soon_after_the_idle_timeout() {
    let (client, socket) = tokio::io::duplex(64);
    let (_running, stages) = watch::channel(Stage::Running);
    let connection = Connection {
        admission: Admission::new(hello(), Admission::<Router>::requests(100)),
        limits: TIMES,
        tls: None,
        stages,
    };
    let serving = tokio::spawn(connection.serve_http(socket, Peer(SocketAddr::from(([127, 0, 0, 1], 1)))));
    let (_reads_nothing, mut client) = tokio::io::split(client);
    client.write_all(GET.as_bytes()).await.unwrap();
    let asked = Instant::now();
    serving.await.unwrap();
    assert_eq!(whole_millis(asked.elapsed()), TIMES.idle_timeout + idle::LINGER);
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_only_answers_pings_is_closed_after_the_idle_timeout() {
    let io = TokioIo::new(connect(SECOND));
    let (mut requests, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::builder().uri("http://localhost/").body(Body::empty()).unwrap();
    let answer = requests.send_request(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let idle = Instant::now();
    connection.await.unwrap().unwrap();
    assert_eq!(whole_millis(idle.elapsed()), TIMES.idle_timeout);
}
