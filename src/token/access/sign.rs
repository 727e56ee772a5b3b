//! Signs an access token, if others would accept it.

use super::claims::AccessClaims;
use crate::domain::{PlainSecret, TokenTyp};
use crate::keys::SigningKey;

/// The longest token that is signed or looked at, in bytes.
pub const MAX_BYTES: usize = 8 * 1024;

/// Why a token can't be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// RFC 9068 §2.2 and §3.
    #[error("an access token needs a subject and an audience")]
    MissingSubjectOrAudience,
    /// A user claim would pass for one of the server's.
    #[error("a user claim can't be called {0}")]
    ReservedClaim(&'static str),
    /// The user claims are too large: verifiers refuse longer tokens.
    #[error("the access token would be longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Neither the claims nor the key should let this happen.
    #[error("the access token can't be written or signed")]
    Failed,
}

/// The token that says `claims`, of this `typ`, signed with `key`.
pub fn sign(claims: &AccessClaims, typ: TokenTyp, key: &SigningKey) -> Result<PlainSecret, SignError> {
    if !claims.has_subject_and_audience() {
        return Err(SignError::MissingSubjectOrAudience);
    }
    if let Some(name) = claims.reserved() {
        return Err(SignError::ReservedClaim(name));
    }
    let token = key.jws().sign(typ.as_str(), claims).map_err(|_| SignError::Failed)?;
    if token.len() > MAX_BYTES { Err(SignError::TooLong) } else { Ok(PlainSecret::new(token)) }
}
