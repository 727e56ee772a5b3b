//! The keys that make and verify refresh tokens.

use std::fmt;
use std::iter;

use zeroize::Zeroizing;

use super::format::{self, Frame, TAG_BYTES};
use super::{InvalidToken, RefreshToken, SECRET_BYTES};
use crate::clock::UnixTime;
use crate::crypto::{HmacKey, equal};
use crate::domain::{PlainSecret, SessionId};

/// The two keys that come from one master secret. `Debug` shows nothing of them.
#[derive(Clone)]
pub struct RefreshKey {
    key_id: u8,
    tag_key: HmacKey,
    next_key: HmacKey,
}

impl RefreshKey {
    /// `tag_key` proves origin (`K_tag`), `next_key` turns the ratchet (`K_next`); `key_id` stands in every token made
    /// with them and need not be unique.
    pub fn new(key_id: u8, tag_key: &[u8; 32], next_key: &[u8; 32]) -> Self {
        Self { key_id, tag_key: HmacKey::new(tag_key), next_key: HmacKey::new(next_key) }
    }

    /// The secret that follows `secret`. A function: the same comes out however often and wherever it is asked.
    pub(super) fn ratchet(&self, session_id: SessionId, secret: &[u8; SECRET_BYTES]) -> Zeroizing<[u8; SECRET_BYTES]> {
        let mut next = Zeroizing::new([0; SECRET_BYTES]);
        self.next_key.write_tag(&[session_id.0.as_bytes(), secret], &mut next);
        next
    }

    /// The text of `token` under this key.
    pub(super) fn seal(&self, token: &RefreshToken) -> PlainSecret {
        let signed = format::signed(self.key_id, token.session_id, token.generation, token.issued_at, &token.secret);
        let tag = self.tag_key.tag(&[&signed]);
        format::text(signed, &tag)
    }

    fn made(&self, frame: &Frame) -> bool {
        let (signed, tag) = frame.signed_and_tag();
        self.key_id == frame.key_id() && equal(&self.tag_key.tag::<TAG_BYTES>(&[signed]), tag)
    }
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshKey({}, ..)", self.key_id)
    }
}

/// All configured keys: the first one makes tokens, all verify them.
#[derive(Clone, Debug)]
pub struct RefreshKeys {
    first: RefreshKey,
    others: Vec<RefreshKey>,
}

impl RefreshKeys {
    /// The keys of the master secret in use, and of those that are being retired (or are not yet in use everywhere).
    pub fn new(first: RefreshKey, others: Vec<RefreshKey>) -> Self {
        Self { first, others }
    }

    /// The text of `token`: what the client gets. Its hash is what the row gets.
    pub fn seal(&self, token: &RefreshToken) -> PlainSecret {
        self.first.seal(token)
    }

    /// The token that `text` is, if a configured key made it. Touches nothing but the processor, and that only for a
    /// text of the exact length and prefix.
    pub fn open(&self, text: &str) -> Result<RefreshToken, InvalidToken> {
        let frame = Frame::parse(text).ok_or(InvalidToken::Malformed)?;
        if !self.all().any(|key| key.made(&frame)) {
            return Err(InvalidToken::WrongTag);
        }
        frame.token().ok_or(InvalidToken::Malformed)
    }

    /// The token that follows `token`, as `generation` of the session, made at `issued_at`.
    pub fn successor(&self, token: &RefreshToken, generation: i64, issued_at: UnixTime) -> RefreshToken {
        let secret = self.first.ratchet(token.session_id, &token.secret);
        RefreshToken { session_id: token.session_id, generation, issued_at, secret }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &RefreshKey> {
        iter::once(&self.first).chain(&self.others)
    }
}
