//! The bytes of a refresh token and their text. Keys are not known here: a [`Frame`] is unverified until its tag was checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{RefreshToken, SECRET_BYTES};
use crate::clock::UnixTime;
use crate::domain::{PlainSecret, SessionId};

pub(super) const PREFIX: &str = "tkr_";

/// How many bytes of the HMAC are kept.
pub(super) const TAG_BYTES: usize = 16;

const VERSION: u8 = 1;
const SIGNED_BYTES: usize = 1 + 1 + 16 + 8 + 8 + SECRET_BYTES;
const BYTES: usize = SIGNED_BYTES + TAG_BYTES;
/// Base64 without padding: four characters for three bytes, begun groups rounded up to whole characters.
const TEXT_BYTES: usize = PREFIX.len() + (BYTES * 4).div_ceil(3);

/// The bytes of a text that has the form of a refresh token.
pub(super) struct Frame(Zeroizing<[u8; BYTES]>);

impl Frame {
    /// `None` unless `text` has the exact length, prefix, alphabet and version, and no bit beyond the last byte.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != TEXT_BYTES {
            return None;
        }
        let body = text.strip_prefix(PREFIX)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        let length = URL_SAFE_NO_PAD.decode_slice(body, bytes.as_mut_slice()).ok()?;
        (length == BYTES && bytes.first() == Some(&VERSION)).then_some(Self(bytes))
    }

    /// The key that the token says it was made with.
    pub(super) fn key_id(&self) -> u8 {
        let [_version, key_id, ..] = *self.0;
        key_id
    }

    /// What the tag covers, and the tag.
    pub(super) fn signed_and_tag(&self) -> (&[u8], &[u8]) {
        self.0.split_at(SIGNED_BYTES)
    }

    /// The token, once the tag was checked; `None` if a number is negative.
    pub(super) fn token(&self) -> Option<RefreshToken> {
        let (_version_and_key_id, rest) = self.0.split_first_chunk::<2>()?;
        let (session_id, rest) = rest.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (issued_at, rest) = rest.split_first_chunk::<8>()?;
        let (secret, _tag) = rest.split_first_chunk::<SECRET_BYTES>()?;
        Some(RefreshToken {
            session_id: SessionId(Uuid::from_bytes(*session_id)),
            generation: natural(*generation)?,
            issued_at: natural(*issued_at)?,
            secret: Zeroizing::new(*secret),
        })
    }
}

fn natural(bytes: [u8; 8]) -> Option<i64> {
    let number = i64::from_be_bytes(bytes);
    (number >= 0).then_some(number)
}

/// The bytes that the tag covers.
pub(super) fn signed(
    key_id: u8,
    session_id: SessionId,
    generation: i64,
    issued_at: UnixTime,
    secret: &[u8; SECRET_BYTES],
) -> Zeroizing<Vec<u8>> {
    // Room for the tag too: growing would leave a copy of the secret in memory that isn't cleared.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
    bytes.extend_from_slice(&[VERSION, key_id]);
    bytes.extend_from_slice(session_id.0.as_bytes());
    bytes.extend_from_slice(&generation.to_be_bytes());
    bytes.extend_from_slice(&issued_at.to_be_bytes());
    bytes.extend_from_slice(secret);
    bytes
}

/// The text of a token, from what the tag covers and the tag.
pub(super) fn text(mut signed: Zeroizing<Vec<u8>>, tag: &[u8; TAG_BYTES]) -> PlainSecret {
    signed.extend_from_slice(tag);
    let mut text = String::with_capacity(TEXT_BYTES);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(signed.as_slice(), &mut text);
    PlainSecret::new(text)
}
