//! Secrets by type: the plain text can't be printed or bound to SQL, only its SHA-256 can be stored.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::ZeroizeOnDrop;

use crate::crypto::{equal, sha256};

/// A secret in plain text: a client secret or a token on its way in or out. `Debug` shows nothing of it.
///
/// What prints or writes values by themselves doesn't take it:
///
/// ```
/// let secret = tokend::domain::PlainSecret::generate();
/// assert_eq!(format!("{secret:?}"), "PlainSecret(..)");
/// ```
/// ```compile_fail,E0277
/// let secret = tokend::domain::PlainSecret::generate();
/// println!("{secret}");
/// ```
/// ```compile_fail,E0277
/// let secret = tokend::domain::PlainSecret::generate();
/// let _ = serde_json::to_string(&secret);
/// ```
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct PlainSecret(String);

impl PlainSecret {
    /// Wraps a text that came from the wire or a terminal.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// A fresh secret of 256 random bits, URL-safe (RFC 6749 §10.10 asks for 128 at least).
    pub fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(crate::random::bytes::<32>()))
    }

    /// The text itself, for the one place that has to say it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What may be stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }
}

impl fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainSecret(..)")
    }
}

/// The SHA-256 of a secret that has 256 bits of its own, so that a slow hash would protect nothing.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes))
    }

    /// A stored hash, if it has the 32 bytes of one.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// In constant time: the time of a comparison says nothing about the stored hash.
impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0)
    }
}

impl Eq for SecretHash {}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_itself() {
        let secret = PlainSecret::new("hunter2hunter2".to_owned());
        assert_eq!(format!("{secret:?} {:?}", secret.hash()), "PlainSecret(..) SecretHash(..)");
    }

    #[test]
    fn a_generated_secret_is_url_safe_and_new_each_time() {
        let (one, two) = (PlainSecret::generate(), PlainSecret::generate());
        assert_eq!(one.reveal().len(), 43);
        assert!(one.reveal().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert!(one != two && one.hash() != two.hash());
    }
}
