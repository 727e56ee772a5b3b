//! What `jsonwebtoken` signs and verifies with. Its own back ends parse a private key for each signature, which for RSA costs more
//! than the signature; here keys are parsed once.
//!
//! A [`CryptoProvider`] is two functions without state, so the library is handed the *handle* of a key in place of the key, and the
//! functions look the key up in a table of this process. No private key enters the library. The table keeps no key alive: when the
//! last [`KeyPair`] with a handle is dropped, the handle neither signs nor verifies any more. A handle is the algorithm and the RFC
//! 7638 thumbprint of the key, so two servers in one process share one only if they share the key.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use arc_swap::ArcSwap;
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::ParsedPublicKey;
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, new_error};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

use super::pair::Pair;
use crate::domain::SigningAlgorithm;

type KeyPairs = HashMap<Vec<u8>, Weak<KeyPair>>;

static KEY_PAIRS: LazyLock<ArcSwap<KeyPairs>> = LazyLock::new(|| {
    // It fails if another one is installed, and that one takes no handle for a key.
    let _ = PROVIDER.install_default();
    ArcSwap::default()
});

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Found::new(*algorithm, key.as_bytes())?)),
    verifier_factory: |algorithm, key| Ok(Box::new(Found::new(*algorithm, key.try_get_as_bytes()?)?)),
    // Only for JWKs, which `keys` writes.
    key_utils: KeyUtils::new_unimplemented(),
};

/// A key pair that is ready to use.
pub(super) struct KeyPair {
    pub(super) private: Pair,
    pub(super) public: ParsedPublicKey,
}

impl KeyPair {
    /// Makes the pair known by its handle. If one with this handle is in use already, it is the same key, and shared.
    pub(super) fn register(private: Pair, handle: &[u8]) -> Result<Arc<Self>, KeyRejected> {
        let public = private.public_key()?;
        let mut pair = Arc::new(Self { private, public });
        KEY_PAIRS.rcu(|known| {
            let mut known = KeyPairs::clone(known);
            known.retain(|_, other| other.strong_count() > 0);
            match known.get(handle).and_then(Weak::upgrade) {
                Some(other) => pair = other,
                None => drop(known.insert(handle.to_owned(), Arc::downgrade(&pair))),
            }
            known
        });
        Ok(pair)
    }
}

/// A key pair as the library asks for it.
struct Found {
    algorithm: Algorithm,
    pair: Arc<KeyPair>,
}

impl Found {
    fn new(algorithm: Algorithm, handle: &[u8]) -> Result<Self, Error> {
        let pair = KEY_PAIRS.load().get(handle).and_then(Weak::upgrade);
        let pair = pair.filter(|pair| library_algorithm(pair.private.algorithm()) == algorithm);
        pair.map(|pair| Self { algorithm, pair }).ok_or_else(|| new_error(ErrorKind::InvalidKeyFormat))
    }
}

impl Signer<Vec<u8>> for Found {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        self.pair.private.sign(message).map_err(signature::Error::from_source)
    }
}

impl Verifier<Vec<u8>> for Found {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.pair.public.verify_sig(message, signature).map_err(signature::Error::from_source)
    }
}

impl JwtSigner for Found {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl JwtVerifier for Found {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

pub(super) fn library_algorithm(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
    }
}

/// The keys of the library that hold `handle`.
pub(super) fn library_keys(algorithm: SigningAlgorithm, handle: &[u8]) -> (EncodingKey, DecodingKey) {
    match algorithm {
        SigningAlgorithm::Es256 => (EncodingKey::from_ec_der(handle), DecodingKey::from_ec_der(handle)),
        SigningAlgorithm::EdDsa => (EncodingKey::from_ed_der(handle), DecodingKey::from_ed_der(handle)),
        SigningAlgorithm::Rs256 => (EncodingKey::from_rsa_der(handle), DecodingKey::from_rsa_der(handle)),
    }
}
