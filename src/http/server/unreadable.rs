//! Heads that hyper can't read. It answers them by itself, with a status and no body. Such an answer is completed here on its way
//! to the socket, so that it is counted and logged, and has the headers of all others.

use std::mem::take;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;

use super::handler::{Handler, Peer, Rejection};

/// The header that each answer of a handler has, and none of hyper's.
const REQUEST_ID: &[u8] = b"\r\nx-request-id:";

/// Completes hyper's own answer on one connection. There is one at most: hyper then closes the connection.
pub(super) struct Completion<H> {
    handler: H,
    peer: Peer,
    /// What is still to be written.
    rest: Vec<u8>,
    /// How many bytes of hyper's it stands for.
    replaced: usize,
}

impl<H: Handler> Completion<H> {
    pub(super) fn new(handler: H, peer: Peer) -> Self {
        Self { handler, peer, rest: Vec::new(), replaced: 0 }
    }

    /// Whether [`Self::rest`] is to be written instead of `bytes`. The same bytes are asked about until they are written.
    pub(super) fn replaces(&mut self, bytes: &[u8]) -> bool {
        if self.replaced == 0
            && let Some(status) = status_of_own(bytes)
        {
            self.replaced = bytes.len();
            self.rest = self.completed(bytes, status);
        }
        self.replaced > 0
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.rest
    }

    pub(super) fn advance(&mut self, written: usize) {
        self.rest.drain(..written.min(self.rest.len()));
    }

    /// How many bytes of hyper's have been written.
    pub(super) fn finish(&mut self) -> usize {
        take(&mut self.replaced)
    }

    /// hyper's head with the headers of the handler's answer. Without its body, and so without its type.
    fn completed(&self, head: &[u8], status: StatusCode) -> Vec<u8> {
        let answer = self.handler.reject(None, self.peer, Rejection::Unreadable(status));
        let mut completed = head.strip_suffix(b"\r\n").unwrap_or(head).to_vec();
        for (name, value) in answer.headers().iter().filter(|(name, _)| *name != CONTENT_TYPE) {
            completed.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        completed.extend_from_slice(b"\r\n");
        completed
    }
}

/// The status of an answer that hyper has made by itself, if it is one. Nothing else that a connection carries begins like
/// an HTTP/1 head with an error and ends with an empty line, without an id between them.
fn status_of_own(bytes: &[u8]) -> Option<StatusCode> {
    let status = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    let is_own = status.starts_with(b"4")
        && bytes.ends_with(b"\r\n\r\n")
        && !bytes.windows(REQUEST_ID.len()).any(|part| part == REQUEST_ID);
    is_own.then(|| StatusCode::from_bytes(status).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_an_id_is_hypers_own() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(status_of_own(own), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        assert_eq!(status_of_own(b"HTTP/1.0 400 Bad Request\r\n\r\n"), Some(StatusCode::BAD_REQUEST));
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\nx-request-id: a\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"HTTP/1.1 400",
            b"HTTP/1.",
            b"",
            b"\0\0\x04\x08\0\0\0\0\0",
        ] {
            assert_eq!(status_of_own(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
