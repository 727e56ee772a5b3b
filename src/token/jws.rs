//! JWS in compact form, RFC 7515 §7.1: the one place that signs and verifies them, with `jsonwebtoken`. What a token says is left to the
//! types above: access tokens are one. Accepts only headers that it would have written itself. Knows nothing of [`crate::keys`].

mod pair;
mod provider;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_lc_rs::error::KeyRejected;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, EncodingKey, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::pair::Jwk;
pub(crate) use self::pair::Pair;
use self::provider::{KeyPair, library_algorithm, library_keys};
use crate::domain::SigningAlgorithm;

/// A key with its `kid`, ready to sign and verify.
pub struct JwsKey {
    kid: String,
    algorithm: SigningAlgorithm,
    pair: Arc<KeyPair>,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// The claims can't be written as JSON, or the cryptographic library refuses to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signing key does not sign")]
pub struct SigningFailed;

/// Why a text isn't a JWS that a key signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidJws {
    /// Not three parts of base64url.
    Malformed,
    /// The header isn't `typ`, `alg` and `kid`, each a text and there once.
    Header,
    /// `alg` isn't the key's.
    Algorithm,
    /// The key didn't make the signature.
    Signature,
    /// The payload is signed, and isn't the claims that were asked for.
    Claims,
}

impl JwsKey {
    /// `kid` is the thumbprint of the public key, RFC 7638: it stands for the key in this process.
    pub(crate) fn new(pair: Pair, kid: String) -> Result<Self, KeyRejected> {
        let algorithm = pair.algorithm();
        let handle = format!("{algorithm} {kid}").into_bytes();
        let (encoding, decoding) = library_keys(algorithm, &handle);
        let pair = KeyPair::register(pair, &handle)?;
        Ok(Self { kid, algorithm, pair, encoding, decoding })
    }

    /// What the header of its tokens calls it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm that it signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    pub(crate) fn private(&self) -> &Pair {
        &self.pair.private
    }

    /// The token of this `typ` with these claims.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningFailed> {
        let mut header = jsonwebtoken::Header::new(library_algorithm(self.algorithm));
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.encoding).map_err(|_| SigningFailed)
    }

    /// The bare signature of any bytes: for tests, which sign tokens that the server wouldn't.
    pub(crate) fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.pair.private.sign(message).map_err(|_| SigningFailed)
    }
}

/// All that a header has. A member that isn't here (`crit`, `jku`, `jwk`, `x5u`, `x5c`, `zip`, `b64`, ..) is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
}

/// A text with the form and the header of a JWS. Its signature is unchecked.
pub struct UnverifiedJws<'a> {
    text: &'a str,
    header: Header,
    payload: &'a str,
}

impl<'a> UnverifiedJws<'a> {
    /// Reads the header.
    pub fn parse(text: &'a str) -> Result<Self, InvalidJws> {
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidJws::Malformed);
        };
        let json = URL_SAFE_NO_PAD.decode(header).map_err(|_| InvalidJws::Malformed)?;
        // A list of three texts would do for a struct.
        if !json.trim_ascii_start().starts_with(b"{") {
            return Err(InvalidJws::Header);
        }
        let header = serde_json::from_slice(&json).map_err(|_| InvalidJws::Header)?;
        Ok(Self { text, header, payload })
    }

    /// What it says it is.
    pub fn typ(&self) -> &str {
        &self.header.typ
    }

    /// Which key it says signed it.
    pub fn kid(&self) -> &str {
        &self.header.kid
    }

    /// The claims, if `key` signed them. Times, issuer and audience are left to the types above: the library's checks read the system's
    /// clock and grant 60 s. `C` has to refuse repeated names: two readers could read different claims.
    pub fn verify<C: DeserializeOwned>(&self, key: &JwsKey) -> Result<C, InvalidJws> {
        if self.header.alg != key.algorithm.as_str() {
            return Err(InvalidJws::Algorithm);
        }
        let (message, signature) = self.text.rsplit_once('.').ok_or(InvalidJws::Malformed)?;
        // `decode` would read the header and the claims a second time, which is a twentieth of an RS256 verification.
        match verify(signature, message.as_bytes(), &key.decoding, library_algorithm(key.algorithm)) {
            Ok(true) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Base64(_)) => return Err(InvalidJws::Malformed),
            Ok(false) | Err(_) => return Err(InvalidJws::Signature),
        }
        let claims = URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| InvalidJws::Malformed)?;
        serde_json::from_slice(&claims).map_err(|_| InvalidJws::Claims)
    }
}
