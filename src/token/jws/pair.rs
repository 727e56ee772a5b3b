//! The key pairs of the cryptographic library, one kind an algorithm. Parsed once: parsing checks a private key again,
//! which costs as much as a signature, for RSA twice as much.

use std::collections::BTreeMap;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::domain::SigningAlgorithm;

/// A public key as in a JWKS, RFC 7517 §4: the members that RFC 7518 §6 asks for, and `use`, `alg`, `kid`.
pub type Jwk = BTreeMap<&'static str, String>;

/// A private key with its public half.
pub(crate) enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(rsa::KeyPair),
}

impl Pair {
    pub(crate) fn generate(algorithm: SigningAlgorithm) -> Result<Self, Unspecified> {
        Ok(match algorithm {
            SigningAlgorithm::Es256 => Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
            SigningAlgorithm::EdDsa => Self::EdDsa(Ed25519KeyPair::generate()?),
            SigningAlgorithm::Rs256 => Self::Rs256(rsa::KeyPair::generate(rsa::KeySize::Rsa2048)?),
        })
    }

    pub(crate) fn from_pkcs8(algorithm: SigningAlgorithm, der: &[u8]) -> Result<Self, KeyRejected> {
        Ok(match algorithm {
            SigningAlgorithm::Es256 => Self::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)?),
            SigningAlgorithm::EdDsa => Self::EdDsa(Ed25519KeyPair::from_pkcs8(der)?),
            SigningAlgorithm::Rs256 => Self::Rs256(rsa::KeyPair::from_pkcs8(der)?),
        })
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        Ok(Zeroizing::new(match self {
            Self::Es256(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Self::EdDsa(pair) => pair.to_pkcs8()?.as_ref().to_vec(),
            Self::Rs256(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                der.as_ref().to_vec()
            }
        }))
    }

    pub(crate) fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::Es256(_) => SigningAlgorithm::Es256,
            Self::EdDsa(_) => SigningAlgorithm::EdDsa,
            Self::Rs256(_) => SigningAlgorithm::Rs256,
        }
    }

    pub(super) fn public_key(&self) -> Result<ParsedPublicKey, KeyRejected> {
        let (algorithm, bytes): (&'static dyn VerificationAlgorithm, &[u8]) = match self {
            Self::Es256(pair) => (&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()),
            Self::EdDsa(pair) => (&ED25519, pair.public_key().as_ref()),
            Self::Rs256(pair) => (&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref()),
        };
        ParsedPublicKey::new(algorithm, bytes)
    }

    /// The members that make a key this key: RFC 7518 §6.2.1 and §6.3.1, RFC 8037 §2.
    pub(crate) fn required_members(&self) -> Jwk {
        let base64url = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let named = |text: &str| text.to_owned();
        match self {
            Self::Es256(pair) => {
                // The uncompressed point of SEC 1 §2.3.3: 4, then two coordinates of 32 bytes.
                let coordinates = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                let (kty, crv) = (named("EC"), named("P-256"));
                Jwk::from([("kty", kty), ("crv", crv), ("x", base64url(x)), ("y", base64url(y))])
            }
            Self::EdDsa(pair) => {
                let x = base64url(pair.public_key().as_ref());
                Jwk::from([("kty", named("OKP")), ("crv", named("Ed25519")), ("x", x)])
            }
            Self::Rs256(pair) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                Jwk::from([("kty", named("RSA")), ("n", base64url(&n)), ("e", base64url(&e))])
            }
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::EdDsa(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}
