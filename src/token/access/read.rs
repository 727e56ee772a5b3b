//! Reads an access token that one of our keys signed.

use std::sync::Arc;

use super::claims::AccessClaims;
use super::sign::MAX_BYTES;
use crate::clock::{Seconds, UnixTime};
use crate::domain::TokenTyp;
use crate::keys::KeyRing;
use crate::token::jws::{InvalidJws, UnverifiedJws};

/// How far ahead `iat` and `nbf` may be, in seconds: the clocks of two nodes differ by milliseconds, and a token must not
/// be refused for having been made by the node whose second had already begun. `exp` gets no such grace.
pub const MAX_CLOCK_SKEW: Seconds = 5;

/// Why an access token is refused. For the log: the caller learns only that it is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccessToken {
    /// More than [`MAX_BYTES`].
    #[error("it is too long")]
    TooLong,
    /// Not three parts of base64url.
    #[error("it is not a JWS in compact form")]
    NotJws,
    /// Another header than the ones that we write.
    #[error("its header is not that of an access token")]
    Header,
    /// No published key has its `kid`.
    #[error("its key is not one of ours, or retired")]
    UnknownKey,
    /// Its `alg` is not that of its key.
    #[error("its algorithm is not that of its key")]
    Algorithm,
    /// The signature is not that of its key.
    #[error("its signature is wrong")]
    Signature,
    /// Signed by us, but with claims missing, repeated or of another type.
    #[error("its claims are not those of an access token")]
    Claims,
    /// Signed by us, under another name.
    #[error("its issuer is another")]
    Issuer,
    /// Its `exp` has come.
    #[error("it has expired")]
    Expired,
    /// Its `iat` or `nbf` is yet to come.
    #[error("it is from the future")]
    NotYetValid,
}

impl From<InvalidJws> for InvalidAccessToken {
    fn from(error: InvalidJws) -> Self {
        match error {
            InvalidJws::Malformed => Self::NotJws,
            InvalidJws::Header => Self::Header,
            InvalidJws::Algorithm => Self::Algorithm,
            InvalidJws::Signature => Self::Signature,
            InvalidJws::Claims => Self::Claims,
        }
    }
}

/// What a token with a good signature says. A function of the token alone, so it never becomes wrong; whether the token
/// is alive is asked each time.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) kid: String,
    pub(super) typ: TokenTyp,
    pub(super) claims: Arc<AccessClaims>,
    not_before: UnixTime,
    /// Of the token, in bytes.
    pub(super) length: usize,
}

impl Signed {
    pub(super) fn read(token: &str, ring: &KeyRing, now: UnixTime) -> Result<Self, InvalidAccessToken> {
        if token.len() > MAX_BYTES {
            return Err(InvalidAccessToken::TooLong);
        }
        let jws = UnverifiedJws::parse(token)?;
        // RFC 9068 §2.1. The RFC lets others write `application/at+jwt`; we accept what we write.
        let typ = TokenTyp::ALL.into_iter().find(|typ| typ.as_str() == jws.typ());
        let typ = typ.ok_or(InvalidAccessToken::Header)?;
        let key = ring.verifier(jws.kid(), now).ok_or(InvalidAccessToken::UnknownKey)?;
        let mut claims: AccessClaims = jws.verify(key.jws())?;
        let not_before = match claims.extra.remove("nbf") {
            None => claims.iat,
            Some(nbf) => nbf.as_i64().ok_or(InvalidAccessToken::Claims)?,
        };
        // Any JWT of ours has this `typ`. One with a claim of another kind of token isn't an access token.
        if typ == TokenTyp::Jwt && claims.reserved().is_some() {
            return Err(InvalidAccessToken::Claims);
        }
        Ok(Self { kid: key.kid().to_owned(), typ, claims: Arc::new(claims), not_before, length: token.len() })
    }

    pub(super) fn check(&self, issuer: &str, now: UnixTime) -> Result<(), InvalidAccessToken> {
        self.check_unexpired(issuer, now)?;
        if self.claims.iat.max(self.not_before) > now.saturating_add(MAX_CLOCK_SKEW) {
            return Err(InvalidAccessToken::NotYetValid);
        }
        Ok(())
    }

    pub(super) fn check_unexpired(&self, issuer: &str, now: UnixTime) -> Result<(), InvalidAccessToken> {
        let claims = &self.claims;
        if claims.iss != issuer {
            return Err(InvalidAccessToken::Issuer);
        }
        if !claims.has_subject_and_audience() {
            return Err(InvalidAccessToken::Claims);
        }
        if claims.exp <= now { Err(InvalidAccessToken::Expired) } else { Ok(()) }
    }
}
