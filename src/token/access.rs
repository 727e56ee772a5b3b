//! Access tokens: JWTs as RFC 9068 has them. Signed here, and verified here as strictly as they were signed: nothing that
//! we wouldn't have written ourselves is accepted. Pure; resource servers verify with their own libraries and our JWKS.

mod claims;
mod read;
mod sign;
#[cfg(test)]
mod tests;
mod verified;

pub use self::claims::AccessClaims;
pub use self::read::{InvalidAccessToken, MAX_CLOCK_SKEW};
pub use self::sign::{MAX_BYTES, SignError, sign};
pub use self::verified::{Verified, VerifiedTokens};
