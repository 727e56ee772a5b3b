//! Requests as bytes, for what no HTTP client would send.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Answer, TestServer, canary};

/// Much longer than any answer takes; only a server that hangs gets there.
const PATIENCE: Duration = Duration::from_secs(20);

impl TestServer {
    /// Sends `request` over a connection of its own and reads until the server closes it: the last request must ask for
    /// that, or give reason to.
    pub async fn raw(&self, request: impl Into<Vec<u8>>) -> Vec<Answer> {
        answers(&self.exchange_bytes(request.into(), false).await)
    }

    /// Sends `request`, hangs up, and reads what still comes.
    pub async fn raw_then_hang_up(&self, request: impl Into<Vec<u8>>) -> Vec<Answer> {
        answers(&self.exchange_bytes(request.into(), true).await)
    }

    /// A request with these header fields and this body, which asks to close the connection, and its one answer.
    pub async fn raw_post(&self, path: &str, fields: &str, body: &[u8]) -> Answer {
        let mut request = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n").into_bytes();
        request.extend_from_slice(body);
        let mut answers = self.raw(request).await;
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    async fn exchange_bytes(&self, request: Vec<u8>, hang_up: bool) -> Vec<u8> {
        canary::note_raw(&request);
        let address = self.base.trim_start_matches("http://").split('/').next().expect("an address").to_owned();
        let (mut reader, mut writer) = TcpStream::connect(address).await.expect("the server listens").into_split();
        let writing = tokio::spawn(async move {
            // A server that has answered already need not read the rest.
            let _ = writer.write_all(&request).await;
            if hang_up {
                let _ = writer.shutdown().await;
            }
            writer
        });
        let mut bytes = Vec::new();
        let reading = async {
            let mut chunk = [0; 4096];
            // An error means that the server closed while we were still sending.
            while let Ok(n @ 1..) = reader.read(&mut chunk).await {
                bytes.extend_from_slice(&chunk[..n]);
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the server closes the connection");
        writing.abort();
        bytes
    }
}

/// A connection that is kept, for more requests than a whole HTTP client would get done beside the server.
pub struct KeptAlive {
    stream: TcpStream,
    received: Vec<u8>,
}

impl KeptAlive {
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP connection");
        Self { stream, received: Vec::with_capacity(4096) }
    }

    /// Sends a request and reads its answer. The status.
    pub async fn exchange(&mut self, request: &[u8]) -> u16 {
        self.received.clear();
        let exchange = async {
            self.stream.write_all(request).await.expect("the server reads");
            while self.received.len() < answer_length(&self.received) {
                let read = self.stream.read_buf(&mut self.received).await.expect("the server answers");
                assert!(read > 0, "the server closed the connection");
            }
        };
        tokio::time::timeout(PATIENCE, exchange).await.expect("the server answers in time");
        answers(&self.received)[0].status
    }
}

/// How long an answer is that begins like this; longer than any, as long as that isn't known.
fn answer_length(received: &[u8]) -> usize {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return usize::MAX };
    let head = str::from_utf8(&received[..end]).expect("the head is text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    end + 4 + length.parse::<usize>().expect("a number")
}

/// The final answers in a stream of bytes. No answer of ours is chunked, so that a length is all there is to know.
fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
        let (head, rest) = bytes.split_at(end);
        let head = std::str::from_utf8(head).expect("the head is text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
        let headers: HeaderMap = lines.map(field).collect();
        let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let (body, rest) = rest.split_at_checked(length).expect("a whole body");
        bytes = rest;
        if status >= 200 {
            found.push(Answer { status, headers, text: String::from_utf8(body.to_vec()).expect("the body is text") });
        }
    }
    found
}

fn field(line: &str) -> (HeaderName, HeaderValue) {
    let (name, value) = line.split_once(": ").expect("a header field");
    (name.parse().expect("a name"), value.parse().expect("a value"))
}
