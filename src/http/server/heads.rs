//! Finds what hyper drops from the head of an HTTP/1 request: the fragment of the target, and a Content-Length beside a
//! Transfer-Encoding. A proxy may have read such a request differently (RFC 9112 §3.2, §6.1). The bytes of a connection are
//! followed here from message to message, and none is kept.
//!
//! Messages that hyper refuses don't matter: their connection ends.

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::Version;

use super::conformity::Fault;

/// What an HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The fields that say how long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    ContentLength,
    TransferEncoding,
}

impl Name {
    fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::ContentLength => b"content-length",
            Self::TransferEncoding => b"transfer-encoding",
        }
    }
}

/// The heads of one connection, shared by its socket and its requests.
#[derive(Clone, Default)]
pub(super) struct Heads(Arc<Mutex<Reader>>);

impl Heads {
    /// Takes note of the next bytes from the client.
    pub(super) fn read(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(bytes);
    }

    /// What is wrong with the head of the next request. Call it once for each request.
    pub(super) fn next_fault(&self, version: Version) -> Option<Fault> {
        if version >= Version::HTTP_2 {
            return None;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_fault()
    }
}

#[derive(Default)]
struct Reader {
    at: At,
    head: Head,
    /// Heads that were read to their end.
    read: u64,
    /// Heads that were asked for.
    asked: u64,
    /// The number of the first head that is wrong, which is the last one read.
    fault: Option<(u64, Fault)>,
}

/// What is known of the head that is being read.
#[derive(Clone, Copy, Default)]
struct Head {
    has_fragment: bool,
    has_coding: bool,
    length: Option<u64>,
}

/// Where in the stream the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In what may be the preface of HTTP/2, after so many bytes of it.
    Preface(usize),
    /// Before a request line, where empty lines are ignored.
    Start,
    Method,
    Target,
    /// In the part of a line that doesn't matter.
    RestOfLine,
    /// At the beginning of a field line, or of the empty line that ends the head.
    Field,
    /// In the name of a field that is the same as this name, for so many bytes.
    Name(Name, usize),
    /// In the value of a Content-Length.
    Length,
    /// In a body, with so many bytes left.
    Body(u64),
    /// In the line before a chunk, whose size so far is this.
    ChunkSize(u64),
    /// Behind the digits of that line.
    ChunkExtension(u64),
    Chunk(u64),
    /// In the line end behind a chunk.
    ChunkEnd,
    /// At the beginning of a trailer line, or of the empty line that ends the message.
    Trailer,
    RestOfTrailer,
    /// After the carriage return of a trailer line, and of the empty line.
    TrailerEnd,
    LastEnd,
    /// Nothing more is looked at: the connection ends, or speaks HTTP/2.
    Done,
}

impl Default for At {
    fn default() -> Self {
        Self::Preface(0)
    }
}

impl Reader {
    fn next_fault(&mut self) -> Option<Fault> {
        let number = self.asked;
        self.asked += 1;
        match self.fault {
            Some((wrong, fault)) if wrong == number => Some(fault),
            // A request that isn't where it is expected.
            _ => (number >= self.read).then_some(Fault::Framing),
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.at {
                At::Done => return,
                At::Method => self.skip_past(b' ', At::Target, bytes),
                At::Target => self.target(bytes),
                At::Name(name, matched) => self.name(name, matched, bytes),
                At::RestOfLine => self.skip_past(b'\n', At::Field, bytes),
                At::ChunkExtension(size) => self.skip_past(b'\n', after_size(size), bytes),
                At::RestOfTrailer => self.skip_past(b'\r', At::TrailerEnd, bytes),
                At::Body(left) => self.skip(left, At::Body, At::Start, bytes),
                At::Chunk(left) => self.skip(left, At::Chunk, At::ChunkEnd, bytes),
                At::Preface(matched) if PREFACE.get(matched) != Some(&byte) => {
                    // It was HTTP/1 all the time.
                    self.at = At::Start;
                    self.read(PREFACE.get(..matched).unwrap_or_default());
                    bytes
                }
                _ => {
                    self.at = self.step(byte);
                    rest
                }
            };
        }
    }

    /// Goes on behind the next `end`, if it is there. The bytes that are left.
    fn skip_past<'a>(&mut self, end: u8, then: At, bytes: &'a [u8]) -> &'a [u8] {
        let Some(place) = bytes.iter().position(|&byte| byte == end) else { return &[] };
        self.at = then;
        bytes.get(place + 1..).unwrap_or_default()
    }

    /// Goes on behind the `left` bytes of a body, or as far as there are any. The bytes that are left.
    fn skip<'a>(&mut self, left: u64, inside: fn(u64) -> At, then: At, bytes: &'a [u8]) -> &'a [u8] {
        let skipped = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let left = left.saturating_sub(skipped as u64);
        self.at = if left == 0 { then } else { inside(left) };
        bytes.get(skipped..).unwrap_or_default()
    }

    fn step(&mut self, byte: u8) -> At {
        match (self.at, byte) {
            (At::Preface(matched), _) if matched + 1 == PREFACE.len() => At::Done,
            (At::Preface(matched), _) => At::Preface(matched + 1),
            (At::Start, b'\r' | b'\n') | (At::LastEnd, _) => At::Start,
            (At::Start, _) => At::Method,
            (At::Field, b'\n') => self.head_ends(),
            (At::Field, b'\r') | (At::Length, b'\n') => At::Field,
            (At::Field, b'c' | b'C') => At::Name(Name::ContentLength, 1),
            (At::Field, b't' | b'T') => At::Name(Name::TransferEncoding, 1),
            (At::Length, _) => self.length(byte),
            (At::ChunkSize(size), _) => chunk_size(size, byte),
            (At::ChunkEnd, b'\n') => At::ChunkSize(0),
            (At::ChunkEnd, _) => At::ChunkEnd,
            (At::Trailer, b'\r') => At::LastEnd,
            (At::Trailer, _) => At::RestOfTrailer,
            (At::TrailerEnd, _) => At::Trailer,
            _ => At::RestOfLine,
        }
    }

    /// Looks at what there is of the target. The bytes that are left.
    fn target<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|&byte| byte == b' ');
        let (target, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.head.has_fragment |= target.contains(&b'#');
        if end.is_some() {
            self.at = At::RestOfLine;
        }
        rest
    }

    /// Compares what there is of a field's name. The bytes that are left.
    fn name<'a>(&mut self, name: Name, matched: usize, bytes: &'a [u8]) -> &'a [u8] {
        let expected = name.as_bytes().get(matched..).unwrap_or_default();
        let same = expected.iter().zip(bytes).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
        let rest = bytes.get(same..).unwrap_or_default();
        self.at = match (rest.first(), name) {
            (None, _) => At::Name(name, matched + same),
            (Some(b':'), _) if same < expected.len() => At::RestOfLine,
            (Some(b':'), Name::ContentLength) => {
                self.head.length = Some(0);
                At::Length
            }
            (Some(b':'), Name::TransferEncoding) => {
                self.head.has_coding = true;
                At::RestOfLine
            }
            _ => At::RestOfLine,
        };
        rest
    }

    /// Whatever isn't a digit is white space, or the request is refused.
    fn length(&mut self, byte: u8) -> At {
        if byte.is_ascii_digit() {
            let before = self.head.length.unwrap_or(0);
            self.head.length = Some(before.saturating_mul(10).saturating_add(u64::from(byte - b'0')));
        }
        At::Length
    }

    fn head_ends(&mut self) -> At {
        let head = take(&mut self.head);
        let number = self.read;
        self.read += 1;
        if let Some(fault) = head.fault() {
            self.fault = Some((number, fault));
            return At::Done;
        }
        match head.length {
            _ if head.has_coding => At::ChunkSize(0),
            Some(length @ 1..) => At::Body(length),
            _ => At::Start,
        }
    }
}

impl Head {
    fn fault(self) -> Option<Fault> {
        if self.has_fragment {
            return Some(Fault::Fragment);
        }
        (self.has_coding && self.length.is_some()).then_some(Fault::TwoLengths)
    }
}

fn chunk_size(size: u64, byte: u8) -> At {
    match char::from(byte).to_digit(16) {
        Some(digit) => At::ChunkSize(size.saturating_mul(16).saturating_add(u64::from(digit))),
        None if byte == b'\n' => after_size(size),
        None => At::ChunkExtension(size),
    }
}

/// The last chunk is the one without bytes.
fn after_size(size: u64) -> At {
    if size == 0 { At::Trailer } else { At::Chunk(size) }
}

#[cfg(test)]
mod tests;
