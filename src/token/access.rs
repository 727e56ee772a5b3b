//! Access tokens: JWTs as RFC 9068 has them. Signed here, and verified here as strictly as they were signed: nothing that
//! we wouldn't have written ourselves is accepted. Pure; resource servers verify with their own libraries and our JWKS.

mod claims;
mod strict_json;
mod verified;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::claims::AccessClaims;
pub use self::verified::{Verified, VerifiedTokens};
use crate::clock::{Seconds, UnixTime};
use crate::domain::{PlainSecret, TokenTyp};
use crate::keys::{KeyRing, SigningKey};

/// The longest token that is signed or looked at, in bytes.
pub const MAX_BYTES: usize = 8 * 1024;

/// How far ahead `iat` and `nbf` may be, in seconds: the clocks of two nodes differ by milliseconds, and a token must not
/// be refused for having been made by the node whose second had already begun. `exp` gets no such grace.
pub const MAX_CLOCK_SKEW: Seconds = 5;

/// All that a header has. A member that isn't here (`crit`, `jku`, `jwk`, `x5u`, `x5c`, `zip`, `b64`, ..) is refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<T> {
    /// RFC 9068 §2.1. The RFC lets others write `application/at+jwt`; we accept what we write.
    typ: T,
    alg: T,
    kid: T,
}

/// Why a token can't be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// An empty subject or audience, or no audience at all (RFC 9068 §2.2 and §3).
    #[error("an access token is about somebody and for somebody")]
    Nobody,
    /// A user claim would pass for one of the server's.
    #[error("a user claim can't be called {0}")]
    ReservedClaim(&'static str),
    /// The user claims are too large for anybody to accept the token.
    #[error("the access token would be longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Neither the claims nor the key should let this happen.
    #[error("the access token can't be written or signed")]
    Failed,
}

/// Why a token isn't one of ours that is alive. For the log; whoever presents it is told that it is invalid, no more.
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

/// The token that says `claims`, of this `typ`, signed with `key`.
pub fn sign(claims: &AccessClaims, typ: TokenTyp, key: &SigningKey) -> Result<PlainSecret, SignError> {
    if !claims.name_somebody() {
        return Err(SignError::Nobody);
    }
    if let Some(name) = claims.reserved() {
        return Err(SignError::ReservedClaim(name));
    }
    let header = Header { typ: typ.as_str(), alg: key.algorithm().as_str(), kid: key.kid() };
    let mut token = format!("{}.{}", encode(&header)?, encode(claims)?);
    let signature = key.sign(token.as_bytes()).map_err(|_| SignError::Failed)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    if token.len() > MAX_BYTES { Err(SignError::TooLong) } else { Ok(PlainSecret::new(token)) }
}

/// What a token with a good signature says. A function of the token alone, so it never becomes wrong; whether the token
/// is alive is asked each time.
#[derive(Clone)]
struct Signed {
    kid: String,
    typ: TokenTyp,
    claims: Arc<AccessClaims>,
    not_before: UnixTime,
    /// Of the token, in bytes.
    length: usize,
}

impl Signed {
    fn read(token: &str, ring: &KeyRing, now: UnixTime) -> Result<Self, InvalidAccessToken> {
        if token.len() > MAX_BYTES {
            return Err(InvalidAccessToken::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(InvalidAccessToken::NotJws)?;
        let (header, payload) = signed.split_once('.').ok_or(InvalidAccessToken::NotJws)?;
        if payload.contains('.') {
            return Err(InvalidAccessToken::NotJws);
        }
        let (header, typ) = read_header(&decode(header)?)?;
        let key = ring.verifier(&header.kid, now).ok_or(InvalidAccessToken::UnknownKey)?;
        if header.alg != key.algorithm().as_str() {
            return Err(InvalidAccessToken::Algorithm);
        }
        if !key.verifies(signed.as_bytes(), &decode(signature)?) {
            return Err(InvalidAccessToken::Signature);
        }
        let (claims, not_before) = read_claims(&decode(payload)?)?;
        // Among all that is called a JWT, only what is nothing but an access token.
        if typ == TokenTyp::Jwt && claims.reserved().is_some() {
            return Err(InvalidAccessToken::Claims);
        }
        Ok(Self { kid: header.kid, typ, claims: Arc::new(claims), not_before, length: token.len() })
    }

    fn check(&self, issuer: &str, now: UnixTime) -> Result<(), InvalidAccessToken> {
        self.check_unexpired(issuer, now)?;
        if self.claims.iat.max(self.not_before) > now.saturating_add(MAX_CLOCK_SKEW) {
            return Err(InvalidAccessToken::NotYetValid);
        }
        Ok(())
    }

    fn check_unexpired(&self, issuer: &str, now: UnixTime) -> Result<(), InvalidAccessToken> {
        let claims = &self.claims;
        if claims.iss != issuer {
            return Err(InvalidAccessToken::Issuer);
        }
        if !claims.name_somebody() {
            return Err(InvalidAccessToken::Claims);
        }
        if claims.exp <= now { Err(InvalidAccessToken::Expired) } else { Ok(()) }
    }
}

fn read_header(json: &[u8]) -> Result<(Header<String>, TokenTyp), InvalidAccessToken> {
    let members = strict_json::object(json).ok_or(InvalidAccessToken::Header)?;
    let header: Header<String> =
        serde_json::from_value(Value::Object(members)).map_err(|_| InvalidAccessToken::Header)?;
    let typ = [TokenTyp::AccessToken, TokenTyp::Jwt].into_iter().find(|typ| typ.as_str() == header.typ);
    Ok((header, typ.ok_or(InvalidAccessToken::Header)?))
}

/// The claims, and the `nbf` where there is one, else the `iat`.
fn read_claims(json: &[u8]) -> Result<(AccessClaims, UnixTime), InvalidAccessToken> {
    let mut members = strict_json::object(json).ok_or(InvalidAccessToken::Claims)?;
    let not_before = match members.remove("nbf") {
        None => None,
        Some(nbf) => Some(nbf.as_i64().ok_or(InvalidAccessToken::Claims)?),
    };
    let claims: AccessClaims =
        serde_json::from_value(Value::Object(members)).map_err(|_| InvalidAccessToken::Claims)?;
    let not_before = not_before.unwrap_or(claims.iat);
    Ok((claims, not_before))
}

fn encode(part: &impl Serialize) -> Result<String, SignError> {
    serde_json::to_vec(part).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| SignError::Failed)
}

/// Without padding and without loose bits at the end, so that a token has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, InvalidAccessToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidAccessToken::NotJws)
}
