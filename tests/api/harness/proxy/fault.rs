//! What the proxy does to one request, chosen by bytes that are in it, and how it knows that the answer is there.

use std::time::Duration;

use tokio::sync::oneshot;

/// Longer than anything takes that happens at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// What goes through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
    Postgres,
}

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives, and the connection ends.
    LoseRequest,
    /// It arrives and is answered; the whole answer is thrown away, and the connection ends.
    LoseAnswer,
    /// The same bytes are sent a second time, on a connection of their own.
    Repeat,
}

/// A fault that waits for its request.
pub(super) struct Armed {
    pub(super) fault: Fault,
    pub(super) marker: Vec<u8>,
    pub(super) done: oneshot::Sender<Vec<u8>>,
}

/// A fault that will have happened.
pub struct Struck(oneshot::Receiver<Vec<u8>>);

impl Armed {
    pub(super) fn new(fault: Fault, marker: &[u8]) -> (Self, Struck) {
        let (done, struck) = oneshot::channel();
        (Self { fault, marker: marker.to_vec(), done }, Struck(struck))
    }
}

impl Struck {
    /// Waits until it has happened. The answer that was thrown away, or that the repetition got; the lost request.
    pub async fn happened(self) -> Vec<u8> {
        let struck = tokio::time::timeout(PATIENCE, self.0).await;
        struck.expect("the request comes in time").expect("the request comes")
    }
}

impl Protocol {
    /// Whether `bytes`, which begin with an answer, hold all of it.
    pub(super) fn is_answered(self, bytes: &[u8]) -> bool {
        match self {
            Self::Http => has_whole_http(bytes),
            Self::Postgres => is_ready_for_query(bytes),
        }
    }

    /// Whether `bytes` hold all of a request.
    pub(super) fn is_asked(self, bytes: &[u8]) -> bool {
        match self {
            Self::Http => has_whole_http(bytes),
            Self::Postgres => true,
        }
    }
}

/// Messages are a letter and a length, which counts itself. PostgreSQL says that it is ready when a statement's transaction,
/// if it has no other, is over: committed, and on the disk.
fn is_ready_for_query(mut bytes: &[u8]) -> bool {
    while let [kind, length @ ..] = bytes {
        let Some((length, _)) = length.split_first_chunk() else { return false };
        let size = 1 + u32::from_be_bytes(*length) as usize;
        let Some(rest) = bytes.get(size..) else { return false };
        if *kind == b'Z' && rest.is_empty() {
            return true;
        }
        bytes = rest;
    }
    false
}

/// Every message of ours has a length, or no body.
fn has_whole_http(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().expect("a length"));
    bytes.len() >= end + 4 + length
}

#[test]
fn postgres_is_ready_when_its_last_message_says_so() {
    let done = b"C\0\0\0\x0dUPDATE 1\0Z\0\0\0\x05I";
    assert!(is_ready_for_query(done));
    for end in 0..done.len() {
        assert!(!is_ready_for_query(&done[..end]), "{end}");
    }
    assert!(!is_ready_for_query(b"Z\0\0\0\x05IC\0\0\0\x0dUPDATE 1\0"));
}

#[test]
fn an_answer_is_whole_when_its_body_is() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    assert!(has_whole_http(whole));
    for end in 0..whole.len() {
        assert!(!has_whole_http(&whole[..end]), "{end}");
    }
}
