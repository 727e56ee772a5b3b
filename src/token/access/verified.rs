//! Verifies tokens, and remembers which have a good signature, since checking one costs more than the rest of an introspection. Nothing
//! in here says that a token is alive: its times and its key are looked at each time, its session by the caller.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::claims::AccessClaims;
use super::read::{InvalidAccessToken, Signed};
use crate::clock::UnixTime;
use crate::crypto::sha256;
use crate::domain::TokenTyp;
use crate::keys::KeyRing;

/// How many tokens to make room for at first.
const EXPECTED_TOKENS: usize = 16 * 1024;

/// What an entry takes beside the texts of its claims, which are about as long as the token.
const ENTRY_BYTES: usize = 256;

/// The SHA-256 of a whole token. To pass for an entry, another token would have to have the same.
type TokenDigest = [u8; 32];

/// What verifies the tokens of one issuer, and the signatures that it found good lately.
pub struct VerifiedTokens {
    issuer: String,
    pub(super) signed: Cache<TokenDigest, Signed, Weight>,
}

/// A token that we signed.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// What it says.
    pub claims: Arc<AccessClaims>,
    /// What it says it is. Whether its client's access tokens are called so is left to the caller.
    pub typ: TokenTyp,
}

impl From<Signed> for Verified {
    fn from(Signed { claims, typ, .. }: Signed) -> Self {
        Self { claims, typ }
    }
}

#[derive(Clone)]
pub(super) struct Weight;

impl Weighter<TokenDigest, Signed> for Weight {
    fn weight(&self, _: &TokenDigest, signed: &Signed) -> u64 {
        u64::try_from(ENTRY_BYTES + signed.length).unwrap_or(u64::MAX)
    }
}

impl VerifiedTokens {
    /// The most that is kept, in bytes. Only living tokens that we signed get in, so a stranger can't push others out.
    pub const MAX_BYTES: u64 = 16 * 1024 * 1024;

    /// For the tokens of `issuer`. Remembers nothing yet.
    pub fn new(issuer: &str) -> Self {
        let signed = Cache::with_weighter(EXPECTED_TOKENS, Self::MAX_BYTES, Weight);
        Self { issuer: issuer.to_owned(), signed }
    }

    /// What `token` says, if the issuer signed it with a key of `ring` that is published at `now` and it is alive.
    /// Whom it is for is left to the caller: [`AccessClaims::is_for`].
    pub fn verify(&self, token: &str, ring: &KeyRing, now: UnixTime) -> Result<Verified, InvalidAccessToken> {
        let digest = sha256(token.as_bytes());
        if let Some(signed) = self.signed.get(&digest) {
            // A `kid` is the digest of its key: the one that is published by this name is the one that signed.
            ring.verifier(&signed.kid, now).ok_or(InvalidAccessToken::UnknownKey)?;
            signed.check(&self.issuer, now)?;
            return Ok(signed.into());
        }
        let signed = Signed::read(token, ring, now)?;
        signed.check(&self.issuer, now)?;
        self.signed.insert(digest, signed.clone());
        Ok(signed.into())
    }

    /// As [`Self::verify`], for a token that may be from the future as well. Not remembered: that is for living tokens only.
    pub fn verify_early(&self, token: &str, ring: &KeyRing, now: UnixTime) -> Result<Verified, InvalidAccessToken> {
        let signed = Signed::read(token, ring, now)?;
        signed.check_unexpired(&self.issuer, now)?;
        Ok(signed.into())
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedTokens({})", self.signed.len())
    }
}
