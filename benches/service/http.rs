//! A client of HTTP/1.1 that costs as little as possible, since it shares the machine with what it measures: requests are
//! sent as prepared, one buffer a connection takes the answers. It reads what this server writes, and refuses the rest.

use std::net::SocketAddr;
use std::str;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::Failure;

/// Longer than any answer of the server; its metrics are the longest.
const LONGEST_ANSWER: usize = 256 * 1024;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

/// An answer, in the buffer of its connection.
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body, complete.
    pub body: &'a [u8],
    head: &'a [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; LONGEST_ANSWER].into_boxed_slice() })
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.stream.write_all(request).await?;
        let (mut filled, mut head_bytes, mut expected) = (0, 0, None);
        loop {
            let room = self.buffer.get_mut(filled..).filter(|room| !room.is_empty()).ok_or("an answer is too long")?;
            let read = self.stream.read(room).await?;
            if read == 0 {
                return Err("the server closed a connection".into());
            }
            filled += read;
            if expected.is_none() {
                let received = self.buffer.get(..filled).unwrap_or_default();
                if let Some(head) = head(received) {
                    head_bytes = head.len();
                    expected = Some(head_bytes + content_length(head)?);
                }
            }
            match expected {
                Some(length) if filled == length => break,
                Some(length) if filled > length => return Err("the server says more than one answer".into()),
                _ => {}
            }
        }
        let (head, rest) = self.buffer.split_at(head_bytes);
        let body = rest.get(..filled - head_bytes).unwrap_or_default();
        Ok(Answer { status: status(head)?, body, head })
    }
}

impl<'a> Answer<'a> {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        header(self.head, name)
    }

    /// The text of a member of the body, which has to be a JSON object that writes this member without escapes.
    /// Sought from the end, where the members lie that are asked for.
    pub fn text(&self, member: &str) -> Option<&'a [u8]> {
        let name = self.body.windows(member.len()).rposition(|place| place == member.as_bytes())?;
        let value = self.body.get(name + member.len()..)?.strip_prefix(b"\":\"")?;
        value.split(|byte| *byte == b'"').next()
    }

    /// Status and body, to show what was wrong with it.
    pub fn describe(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(self.body))
    }
}

/// The head of an answer with the empty line that ends it, once it is complete.
fn head(received: &[u8]) -> Option<&[u8]> {
    let end = received.windows(END_OF_HEAD.len()).position(|place| place == END_OF_HEAD)?;
    received.get(..end + END_OF_HEAD.len())
}

fn status(head: &[u8]) -> Result<u16, Failure> {
    let code = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).ok_or("this is no answer of HTTP/1.1")?;
    Ok(str::from_utf8(code)?.parse()?)
}

/// Every answer that is measured says how long it is; none is chunked.
fn content_length(head: &[u8]) -> Result<usize, Failure> {
    let length = header(head, "content-length").ok_or("an answer doesn't say how long it is")?;
    Ok(str::from_utf8(length)?.parse()?)
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (start, rest) = line.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name.as_bytes()).then(|| rest.strip_prefix(b":").map(<[u8]>::trim_ascii))?
    })
}
