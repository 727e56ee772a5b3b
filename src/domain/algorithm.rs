//! The algorithms that access tokens are signed with, RFC 7518 §3.1 and RFC 8037 §3.1.

use std::str::FromStr;

use crate::words::words;

words! {
    /// A signature algorithm, `alg` in a token's header and in `/jwks.json`; the default first. The name is case-sensitive in
    /// tokens; an operator may write it in any case.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum SigningAlgorithm {
        /// ECDSA on P-256 with SHA-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
        /// RSASSA-PKCS1-v1_5 with SHA-256, for resource servers that know nothing newer.
        Rs256 = "RS256",
    }
}

/// A name that is none of the algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing algorithm is one of ES256, EdDSA, RS256")]
pub struct UnknownAlgorithm;

impl FromStr for SigningAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::from_word(text).ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_has_one_name_in_any_case() {
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(algorithm.to_string().to_lowercase().parse(), Ok(algorithm));
        }
        for text in ["", "none", "es", "ed25519", "HS256", "ES256 "] {
            assert_eq!(text.parse::<SigningAlgorithm>(), Err(UnknownAlgorithm), "{text:?}");
        }
    }
}
