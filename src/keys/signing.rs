//! Signing keys: one key, one algorithm. The private half leaves this module sealed or not at all.

use std::fmt;

use aws_lc_rs::error::KeyRejected;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::MasterSecrets;
use crate::clock::UnixTime;
use crate::crypto::sha256;
use crate::domain::{SigningAlgorithm, StoredKey};
use crate::token::jws::{Jwk, JwsKey, Pair, SigningFailed};

/// A key that signs access tokens, parsed and ready.
pub struct SigningKey {
    key: JwsKey,
    created_at: UnixTime,
    signs_from: UnixTime,
    jwk: Jwk,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// None of the configured master secrets sealed it, or the row was altered.
    #[error("the master secret does not open signing key {kid}")]
    WrongMasterSecret {
        /// Which key.
        kid: String,
    },
    /// It opened, but it isn't the key that the row says.
    #[error("the stored signing key {kid} is damaged")]
    Damaged {
        /// Which key.
        kid: String,
    },
    /// The cryptographic library refuses to encrypt it.
    #[error("signing key {kid} can't be encrypted")]
    NotSealed {
        /// Which key.
        kid: String,
    },
    /// The cryptographic library made none.
    #[error("no signing key could be made")]
    NotMade,
}

impl SigningKey {
    /// Makes a key that begins to sign at `signs_from`. The first key of a server should do so from 0, or a node whose
    /// clock is a second behind would have none. An RSA key takes a good part of a second to find.
    pub fn generate(algorithm: SigningAlgorithm, now: UnixTime, signs_from: UnixTime) -> Result<Self, KeyError> {
        let pair = Pair::generate(algorithm).map_err(|_| KeyError::NotMade)?;
        Self::new(pair, now, signs_from).map_err(|_| KeyError::NotMade)
    }

    /// Reads a stored key back.
    pub fn open(stored: &StoredKey, master: &MasterSecrets) -> Result<Self, KeyError> {
        let kid = || stored.kid.clone();
        let der = master
            .open(&associated_data(&stored.kid, stored.algorithm), &stored.sealed_private)
            .map_err(|_| KeyError::WrongMasterSecret { kid: kid() })?;
        Pair::from_pkcs8(stored.algorithm, &der)
            .and_then(|pair| Self::new(pair, stored.created_at, stored.signs_from))
            .ok()
            .filter(|key| key.kid() == stored.kid)
            .ok_or_else(|| KeyError::Damaged { kid: kid() })
    }

    /// The key to store, encrypted under the first master secret and bound to its `kid` and algorithm.
    pub fn seal(&self, master: &MasterSecrets) -> Result<StoredKey, KeyError> {
        let (kid, algorithm) = (self.kid(), self.algorithm());
        let failed = || KeyError::NotSealed { kid: kid.to_owned() };
        let der = self.key.private().to_pkcs8().map_err(|_| failed())?;
        let aad = associated_data(kid, algorithm);
        Ok(StoredKey {
            kid: kid.to_owned(),
            algorithm,
            sealed_private: master.seal(&aad, &der).map_err(|_| failed())?,
            created_at: self.created_at,
            signs_from: self.signs_from,
        })
    }

    fn new(pair: Pair, created_at: UnixTime, signs_from: UnixTime) -> Result<Self, KeyRejected> {
        let algorithm = pair.algorithm();
        let mut jwk = pair.required_members();
        let kid = thumbprint(&jwk);
        jwk.extend([("use", "sig".to_owned()), ("alg", algorithm.to_string()), ("kid", kid.clone())]);
        Ok(Self { key: JwsKey::new(pair, kid)?, created_at, signs_from, jwk })
    }

    /// The identifier: the SHA-256 thumbprint of the public key, RFC 7638.
    pub fn kid(&self) -> &str {
        self.key.kid()
    }

    /// The one algorithm that it signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.key.algorithm()
    }

    /// When it was made, and so published.
    pub fn created_at(&self) -> UnixTime {
        self.created_at
    }

    /// From when it signs; 0 for a first key, which signs by any clock.
    pub fn signs_from(&self) -> UnixTime {
        self.signs_from
    }

    /// From when there can be tokens that it signed.
    pub fn begins_at(&self) -> UnixTime {
        self.signs_from.max(self.created_at)
    }

    /// The public half, as a JWKS shows it.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// What signs and verifies with it.
    pub fn jws(&self) -> &JwsKey {
        &self.key
    }

    /// The bare signature of any bytes: for tests, which sign tokens that the server wouldn't.
    #[doc(hidden)]
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.key.signature(message)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {}, signs from {})", self.kid(), self.algorithm(), self.signs_from)
    }
}

/// Says what is sealed, so that one row's key can't be passed off as another's.
fn associated_data(kid: &str, algorithm: SigningAlgorithm) -> Vec<u8> {
    format!("signing key {algorithm} {kid}").into_bytes()
}

/// RFC 7638 §3: the SHA-256 of the required members in order, without white space. No value needs escaping.
fn thumbprint(required: &Jwk) -> String {
    let members: Vec<String> = required.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    let json = format!("{{{}}}", members.join(","));
    URL_SAFE_NO_PAD.encode(sha256(json.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PlainSecret;

    const NOW: UnixTime = 1_800_000_000;

    fn master(text: &str) -> MasterSecrets {
        MasterSecrets::new(&[PlainSecret::new(text.repeat(32))]).unwrap()
    }

    fn key(algorithm: SigningAlgorithm) -> SigningKey {
        SigningKey::generate(algorithm, NOW, NOW + 3600).unwrap()
    }

    #[test]
    fn a_stored_key_is_the_same_key_again() {
        let master = master("a");
        for algorithm in SigningAlgorithm::ALL {
            let made = key(algorithm);
            let opened = SigningKey::open(&made.seal(&master).unwrap(), &master).unwrap();
            assert_eq!((opened.kid(), opened.algorithm()), (made.kid(), algorithm));
            assert_eq!((opened.created_at(), opened.signs_from()), (NOW, NOW + 3600));
            assert_eq!(opened.jwk(), made.jwk());
            let signature = opened.sign(b"message").unwrap();
            assert!(made.jws().verifies(b"message", &signature));
            assert!(!made.jws().verifies(b"massage", &signature));
            assert!(!key(algorithm).jws().verifies(b"message", &signature), "another key of the same kind");
        }
    }

    #[test]
    fn another_master_secret_does_not_open_it_and_the_error_names_the_key() {
        let made = key(SigningAlgorithm::Es256);
        let stored = made.seal(&master("a")).unwrap();
        let error = SigningKey::open(&stored, &master("b")).unwrap_err();
        assert_eq!(error.to_string(), format!("the master secret does not open signing key {}", made.kid()));
    }

    #[test]
    fn a_row_can_not_pass_for_another() {
        let master = master("a");
        let (one, two) = (key(SigningAlgorithm::Es256), key(SigningAlgorithm::Es256));
        let refused = |stored: &StoredKey| {
            let error = SigningKey::open(stored, &master).unwrap_err();
            assert!(matches!(error, KeyError::WrongMasterSecret { .. }), "{error}");
        };
        let stored = one.seal(&master).unwrap();
        refused(&StoredKey { kid: two.kid().to_owned(), ..stored.clone() });
        refused(&StoredKey { algorithm: SigningAlgorithm::EdDsa, ..stored.clone() });
        let mut altered = stored.clone();
        altered.sealed_private[40] ^= 1;
        refused(&altered);
        refused(&StoredKey { sealed_private: Vec::new(), ..stored });
    }

    #[test]
    fn what_opens_but_is_another_key_is_damaged() {
        let master = master("a");
        let (one, two) = (key(SigningAlgorithm::Es256), key(SigningAlgorithm::Es256));
        for private in [two.key.private().to_pkcs8().unwrap().as_slice(), b"no key at all"] {
            let sealed_private = master.seal(&associated_data(one.kid(), one.algorithm()), private).unwrap();
            let stored = StoredKey { sealed_private, ..one.seal(&master).unwrap() };
            assert_eq!(
                SigningKey::open(&stored, &master).unwrap_err(),
                KeyError::Damaged { kid: one.kid().to_owned() }
            );
        }
    }

    /// RFC 7517 §4 and §9.2: nothing private is in a public key.
    #[test]
    fn a_public_key_has_its_public_members_only() {
        for (algorithm, members) in [
            (SigningAlgorithm::Es256, ["alg", "crv", "kid", "kty", "use", "x", "y"].as_slice()),
            (SigningAlgorithm::EdDsa, &["alg", "crv", "kid", "kty", "use", "x"]),
            (SigningAlgorithm::Rs256, &["alg", "e", "kid", "kty", "n", "use"]),
        ] {
            let key = key(algorithm);
            assert_eq!(key.jwk().keys().copied().collect::<Vec<_>>(), members);
            assert_eq!((key.jwk()["use"].as_str(), key.jwk()["alg"].as_str()), ("sig", algorithm.as_str()));
            assert_eq!(key.jwk()["kid"], key.kid());
        }
    }

    #[test]
    fn public_keys_have_the_sizes_of_their_algorithms() {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap().len();
        let (ec, ed, rsa) = (key(SigningAlgorithm::Es256), key(SigningAlgorithm::EdDsa), key(SigningAlgorithm::Rs256));
        assert_eq!((bytes(&ec.jwk()["x"]), bytes(&ec.jwk()["y"]), bytes(&ed.jwk()["x"])), (32, 32, 32));
        assert_eq!((bytes(&rsa.jwk()["n"]), rsa.jwk()["e"].as_str()), (256, "AQAB"));
        assert_eq!(ec.sign(b"").unwrap().len(), 64, "RFC 7518 §3.4: r and s of fixed length, no DER");
    }

    /// RFC 7638 §3.1 and RFC 8037 §A.3.
    #[test]
    fn the_kid_is_the_thumbprint_of_the_rfcs() {
        let member = |text: &str| text.to_owned();
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                 FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9\
                 c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1\
                 jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = Jwk::from([("kty", member("RSA")), ("n", member(n)), ("e", member("AQAB"))]);
        assert_eq!(thumbprint(&rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let ed = Jwk::from([("kty", member("OKP")), ("crv", member("Ed25519")), ("x", member(x))]);
        assert_eq!(thumbprint(&ed), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn shows_nothing_private() {
        let key = key(SigningAlgorithm::EdDsa);
        assert_eq!(format!("{key:?}"), format!("SigningKey({} EdDSA, signs from 1800003600)", key.kid()));
    }
}
