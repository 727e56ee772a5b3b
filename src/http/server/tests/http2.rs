//! Floods of HTTP/2 frames, written by hand because no honest client would send them. Each must end its connection.

use axum::body::Body;
use axum::http::{self, Request, Response};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:method: GET`, `:scheme: http`, `:path: /`, `:authority: a`, in HPACK.
const HEAD: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends `first` and then frames from `flood` until the server has had enough. What it said as its reason, if anything.
async fn flood(app: Router, first: Vec<u8>, flood: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    let server = start(LIMITS, None, app).await;
    let (mut from, mut to) = server.connect().await.into_split();
    let reason = async move {
        loop {
            let mut head = [0; 9];
            from.read_exact(&mut head).await.ok()?;
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            from.read_exact(&mut payload).await.ok()?;
            if head[3] == GOAWAY {
                return payload[4..8].try_into().ok().map(u32::from_be_bytes);
            }
        }
    };
    to.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &first].concat()).await.unwrap();
    let flooding = async {
        for number in 0.. {
            if to.write_all(&flood(number)).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let reason = in_time(async {
        tokio::select! {
            reason = reason => reason,
            () = flooding => None,
        }
    });
    let reason = reason.await;
    drop(to);
    server.end().await;
    reason
}

/// `ENHANCE_YOUR_CALM` (RFC 9113 §7).
const CALM: Option<u32> = Some(0xb);

#[tokio::test]
async fn a_client_that_opens_and_resets_streams_is_disconnected() {
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let app = Router::new().fallback(async move || {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<()>().await;
    });
    let reset = |number| {
        let stream = number * 2 + 1;
        [frame(HEADERS, END_HEADERS | END_STREAM, stream, HEAD), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    assert_eq!(flood(app, Vec::new(), reset).await, CALM);
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_disconnected() {
    let field = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let first = frame(HEADERS, END_STREAM, 1, HEAD);
    let reason = flood(hello(), first, |_| frame(CONTINUATION, 0, 1, &field)).await;
    assert!(reason.is_none_or(|reason| reason != 0), "{reason:?}");
    let first = frame(HEADERS, END_STREAM, 1, HEAD);
    assert_eq!(flood(hello(), first, |_| frame(CONTINUATION, 0, 1, &[])).await, CALM);
}

#[tokio::test]
async fn a_client_that_sends_frames_without_data_is_disconnected() {
    let app = Router::new().fallback(|body: axum::body::Bytes| async move { body });
    let first = frame(HEADERS, END_HEADERS, 1, HEAD);
    assert_eq!(flood(app, first, |_| frame(DATA, 0, 1, &[])).await, CALM);
}

/// CVE-2025-8671: the client breaks the rules of its own stream, so that it is the server that resets it, while the
/// request runs on.
#[tokio::test]
async fn a_client_that_has_its_streams_reset_by_the_server_is_disconnected() {
    let app = Router::new().fallback(async || std::future::pending::<()>().await);
    // More than a window can hold (RFC 9113 §6.9.1).
    let too_much = |number| {
        let stream = number * 2 + 1;
        let window = frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff]);
        [frame(HEADERS, END_HEADERS, stream, HEAD), window].concat()
    };
    assert_eq!(flood(app, Vec::new(), too_much).await, CALM);
}

/// The kind of the first frame that says what became of a request with this head, and its first byte.
async fn outcome(head: &[u8]) -> (u8, u8) {
    let server = start(LIMITS, None, hello()).await;
    let mut stream = server.connect().await;
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, head);
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &request].concat()).await.unwrap();
    let outcome = in_time(async {
        loop {
            let mut frame = [0; 9];
            stream.read_exact(&mut frame).await.unwrap();
            let mut payload = vec![0; usize::from(frame[1]) << 8 | usize::from(frame[2])];
            stream.read_exact(&mut payload).await.unwrap();
            if [HEADERS, RST_STREAM, GOAWAY].contains(&frame[3]) {
                return (frame[3], payload[0]);
            }
        }
    });
    let outcome = outcome.await;
    drop(stream);
    server.end().await;
    outcome
}

/// RFC 7541 §7.3: on the wire each repetition is a byte, in memory it would be the whole field.
#[tokio::test]
async fn a_head_that_repeats_a_large_field_is_refused() {
    /// `:status: 200`, RFC 7541 appendix A.
    const OK: (u8, u8) = (HEADERS, 0x88);
    // A new name with a value of 3,000 bytes (§6.2.1, its length as in §5.1), and then the newest entry again and again.
    let field = [&[0x40, 1, b'x', 0x7f, 0xb9, 0x16][..], &[b'y'; 3_000]].concat();
    assert_eq!(outcome(&[HEAD, &field].concat()).await, OK);
    for times in [10, 90, 10_000] {
        assert_ne!(outcome(&[HEAD, &field, &vec![0xbe; times]].concat()).await, OK, "{times}");
    }
}

/// RFC 9113 §8.3.1.
#[tokio::test]
async fn a_request_names_one_host() {
    /// `:status: 200` and `:status: 400`, RFC 7541 appendix A.
    const OK: (u8, u8) = (HEADERS, 0x88);
    const BAD: (u8, u8) = (HEADERS, 0x8c);
    let without_authority = &HEAD[..3];
    // `host`, entry 38 of the static table, with a value of one byte.
    let host = |name: u8| [0x66, 1, name];
    for (head, expected) in [
        (HEAD.to_vec(), OK),
        ([HEAD, &host(b'a')].concat(), OK),
        ([HEAD, &host(b'A')].concat(), OK),
        ([HEAD, &host(b'b')].concat(), BAD),
        ([HEAD, &host(b'a'), &host(b'a')].concat(), BAD),
        ([without_authority, &host(b'a')].concat(), OK),
        ([without_authority, &host(b'@')].concat(), BAD),
        (without_authority.to_vec(), BAD),
    ] {
        assert_eq!(outcome(&head).await, expected, "{head:?}");
    }
}

/// A client that speaks HTTP/2 from the first byte on, and the state of its connection.
async fn client(server: &Started) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
    let io = TokioIo::new(server.connect().await);
    let (requests, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    (requests, tokio::spawn(connection))
}

fn request() -> http::request::Builder {
    Request::builder().uri("http://localhost/")
}

async fn text(answer: Response<hyper::body::Incoming>) -> String {
    let body = Body::new(answer.into_body());
    String::from_utf8(axum::body::to_bytes(body, 10_000).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn more_requests_than_connections_allowed_are_told_to_come_again() {
    let (app, begun, go) = gated();
    let server = start(Limits { max_connections: 1, ..LIMITS }, None, app).await;
    let (mut requests, _connection) = client(&server).await;
    let first = tokio::spawn(requests.send_request(request().body(Body::empty()).unwrap()));
    in_time(begun.notified()).await;
    let second = in_time(requests.send_request(request().body(Body::empty()).unwrap())).await.unwrap();
    assert_eq!(second.status(), 503);
    assert_eq!(second.headers()["retry-after"], "1");
    assert_eq!(second.headers()["content-type"], "application/json");
    let said = r#"{"error":"temporarily_unavailable","error_description":"Too many requests are running. Try again shortly."}"#;
    assert_eq!(text(second).await, said);
    go.notify_one();
    assert_eq!(text(in_time(first).await.unwrap().unwrap()).await, "hello");
    drop(requests);
    server.end().await;
}

#[tokio::test]
async fn a_head_of_many_small_fields_is_refused() {
    let server = start(LIMITS, None, hello()).await;
    let (mut requests, _connection) = client(&server).await;
    for (fields, status) in [(99, 200), (101, 431), (2_000, 431)] {
        let head = (0..fields).fold(request(), |head, _| head.header("a", "b"));
        let answer = in_time(requests.send_request(head.body(Body::empty()).unwrap())).await.unwrap();
        assert_eq!(answer.status(), status, "{fields}");
    }
    drop(requests);
    server.end().await;
}

#[tokio::test]
async fn stopping_lets_the_running_requests_of_a_connection_finish() {
    let (app, begun, go) = gated();
    let server = start(LIMITS, None, app).await;
    let (mut requests, connection) = client(&server).await;
    let running = tokio::spawn(requests.send_request(request().body(Body::empty()).unwrap()));
    in_time(begun.notified()).await;
    server.stop.send(()).unwrap();
    in_time(async { while TcpStream::connect(server.address).await.is_ok() {} }).await;
    go.notify_one();
    assert_eq!(text(in_time(running).await.unwrap().unwrap()).await, "hello");
    in_time(connection).await.unwrap().unwrap();
    in_time(server.run).await.unwrap();
}
