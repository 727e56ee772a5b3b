//! Master secrets: the root of every key that the database doesn't hold in clear. Nothing is encrypted or
//! authenticated with a master secret itself, only with keys derived from it (HKDF-SHA256, RFC 5869), each with a label.

use std::{fmt, iter};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::domain::PlainSecret;
use crate::domain::master_secret::{MIN_CHARACTERS, bare, in_lines, is_long_enough};
use crate::domain::spelling::BYTE_ORDER_MARK;

/// Says to whom the derived keys belong, RFC 5869 §3.1. It can never change: every derived key would.
const SALT: &[u8] = b"tokend master secret";

/// How the sealed bytes are laid out: `format(1) | key id(1) | nonce(12) | ciphertext | tag(16)`, AES-256-GCM.
const SEALED_FORMAT: u8 = 1;

/// The configured master secrets, never none. The first one is used, the others still verify and open.
pub struct MasterSecrets {
    first: hkdf::Prk,
    older: Vec<hkdf::Prk>,
}

/// Why texts can't be the master secrets. Secrets are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterSecretError {
    /// No secret at all.
    #[error("there is no master secret")]
    Missing,
    /// Too short to be out of reach of guessing.
    #[error("master secret {position} is shorter than {} characters", MIN_CHARACTERS)]
    TooShort {
        /// Which one.
        position: usize,
    },
    /// The same secret again: a rotation that changed nothing.
    #[error("master secret {position} repeats an earlier one")]
    Repeated {
        /// Which one.
        position: usize,
    },
}

/// Why sealed bytes can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, or in a format of another version.
    #[error("these are not sealed bytes")]
    Malformed,
    /// Sealed with another master secret or for another purpose, or altered; one can't tell which.
    #[error("no configured master secret opens these bytes")]
    Refused,
}

/// The cryptographic library refuses to encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes can't be sealed")]
pub struct SealingFailed;

/// The keys of refresh tokens that come from one master secret.
#[derive(ZeroizeOnDrop)]
pub struct DerivedRefreshKey {
    /// Written into the token, to find the right secret at once. Two secrets may have the same one.
    pub key_id: u8,
    /// `K_tag`.
    pub tag_key: [u8; 32],
    /// `K_next`.
    pub next_key: [u8; 32],
}

impl MasterSecrets {
    /// Takes `texts` in order. Version 0.1.0 took a byte order mark for a part of the secret, so what was made with that still verifies.
    pub fn new(texts: &[PlainSecret]) -> Result<Self, MasterSecretError> {
        let mut seen: Vec<&str> = Vec::new();
        let texts = texts.iter().map(PlainSecret::reveal);
        let marked = texts.clone().map(str::trim).filter(|text| text.starts_with(BYTE_ORDER_MARK));
        for (position, text) in (1..).zip(texts.map(bare).chain(marked)) {
            if !is_long_enough(text) {
                return Err(MasterSecretError::TooShort { position });
            }
            if seen.contains(&text) {
                return Err(MasterSecretError::Repeated { position });
            }
            seen.push(text);
        }
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT);
        let mut secrets = seen.into_iter().map(|text| salt.extract(text.as_bytes()));
        let first = secrets.next().ok_or(MasterSecretError::Missing)?;
        Ok(Self { first, older: secrets.collect() })
    }

    /// One secret a line; blank lines and lines that begin with `#` are skipped.
    pub fn parse(text: &str) -> Result<Self, MasterSecretError> {
        Self::new(&in_lines(text))
    }

    /// The keys of refresh tokens: those of the secret in use, and of the older ones in order. They differ by issuer, so
    /// that two servers that share a secret don't accept each other's tokens.
    pub fn refresh_keys(&self, issuer: &str) -> (DerivedRefreshKey, Vec<DerivedRefreshKey>) {
        let keys = |secret: &hkdf::Prk| {
            let [key_id] = *derive(secret, "refresh key id", issuer);
            let tag_key = *derive(secret, "refresh tag", issuer);
            let next_key = *derive(secret, "refresh next", issuer);
            DerivedRefreshKey { key_id, tag_key, next_key }
        };
        (keys(&self.first), self.older.iter().map(keys).collect())
    }

    /// The keys of device tokens of `issuer`: that of the secret in use first.
    pub fn device_keys(&self, issuer: &str) -> Vec<Zeroizing<[u8; 32]>> {
        self.all().map(|secret| derive(secret, "device tag", issuer)).collect()
    }

    /// The key under which the names of accounts are digested, to count attempts without keeping the names. The same on all
    /// nodes.
    pub fn attempts_key(&self) -> Zeroizing<[u8; 32]> {
        derive(&self.first, "sign-in attempts", "")
    }

    /// The keys that seal the audit trail: that of the secret in use first.
    pub fn audit_keys(&self) -> Vec<Zeroizing<[u8; 32]>> {
        self.all().map(|secret| derive(secret, "audit trail", "")).collect()
    }

    /// Encrypts `plain` with a key of the first secret. `aad` says what it is, and is needed again to open it.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealingFailed> {
        let mut bytes = plain.to_vec();
        let (nonce, tag) = sealing_key(&self.first)
            .seal_in_place_separate_tag(Aad::from(aad), &mut bytes)
            .map_err(|_| SealingFailed)?;
        Ok([&[SEALED_FORMAT, sealing_key_id(&self.first)], nonce.as_ref().as_slice(), &bytes, tag.as_ref()].concat())
    }

    /// The first one alone: what it doesn't open was sealed under an older one.
    #[must_use]
    pub fn in_use(&self) -> Self {
        Self { first: self.first.clone(), older: Vec::new() }
    }

    /// Decrypts what [`Self::seal`] made with any of the configured secrets and the same `aad`.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (&[format, key_id], rest) = sealed.split_first_chunk().ok_or(OpenError::Malformed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::Malformed)?;
        if format != SEALED_FORMAT {
            return Err(OpenError::Malformed);
        }
        let candidates = self.all().filter(|secret| sealing_key_id(secret) == key_id);
        for secret in candidates {
            let mut bytes = Zeroizing::new(ciphertext.to_vec());
            let nonce = Nonce::assume_unique_for_key(*nonce);
            if let Ok(plain) = sealing_key(secret).open_in_place(nonce, Aad::from(aad), &mut bytes) {
                let length = plain.len();
                bytes.truncate(length);
                return Ok(bytes);
            }
        }
        Err(OpenError::Refused)
    }

    fn all(&self) -> impl Iterator<Item = &hkdf::Prk> {
        iter::once(&self.first).chain(&self.older)
    }
}

impl fmt::Debug for MasterSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterSecrets({} of them)", self.all().count())
    }
}

impl fmt::Debug for DerivedRefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DerivedRefreshKey({}, ..)", self.key_id)
    }
}

/// What is sealed stays readable when the issuer is renamed, so the issuer is no part of the sealing key.
#[expect(clippy::expect_used, reason = "an AES-256 key has 32 bytes, and these are 32 bytes")]
fn sealing_key(secret: &hkdf::Prk) -> RandomizedNonceKey {
    let key = derive::<32>(secret, "seal", "");
    RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).expect("32 bytes are an AES-256 key")
}

fn sealing_key_id(secret: &hkdf::Prk) -> u8 {
    let [id] = *derive(secret, "seal key id", "");
    id
}

/// `N` bytes for one purpose. A label has no NUL, so no two pairs of label and context make the same `info`.
#[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes, and nobody here asks for more than 32")]
fn derive<const N: usize>(secret: &hkdf::Prk, label: &str, context: &str) -> Zeroizing<[u8; N]> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut key = Zeroizing::new([0; N]);
    secret
        .expand(&[label.as_bytes(), &[0], context.as_bytes()], Length(N))
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .expect("HKDF gives 32 bytes");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "correct horse battery staple, and 3 more words";
    const TWO: &str = "an entirely different secret of enough characters";
    const ISSUER: &str = "https://id.example.com";

    fn secrets(texts: &[&str]) -> Result<MasterSecrets, MasterSecretError> {
        MasterSecrets::new(&texts.iter().map(|text| PlainSecret::new((*text).to_owned())).collect::<Vec<_>>())
    }

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// Computed with another implementation of RFC 5869. If this test breaks, every token and stored key out there does.
    #[test]
    fn the_derivation_never_changes() {
        let master = secrets(&[ONE]).unwrap();
        let key = &master.refresh_keys(ISSUER).0;
        assert_eq!(key.key_id, 0x62);
        assert_eq!(hex(&key.tag_key), "f901f76d9b0431426f0ab86cb9fefc0943bc39c9779ab03ada8aafb3eb14ad26");
        assert_eq!(hex(&key.next_key), "3cb68e58e6c632326740102bb2f0f3fb1037303ec83b5ec63d755e6168d520e0");
        assert_eq!(sealing_key_id(&master.first), 0x8f);
        assert_eq!(
            hex(&*derive::<32>(&master.first, "seal", "")),
            "1b9fb4756c9d1df458f26c7e77aa28fe23c50bbd9f480340b6f4d6171ddd950c"
        );
    }

    #[test]
    fn sealed_bytes_of_an_earlier_version_still_open() {
        let sealed = "018f000102030405060708090a0b2850ee0a206463225616efa59fd884c5188b124f0db7540bff836be92c";
        let bytes: Vec<u8> =
            (0..sealed.len()).step_by(2).map(|i| u8::from_str_radix(&sealed[i..i + 2], 16).unwrap()).collect();
        assert_eq!(*secrets(&[ONE]).unwrap().open(b"what it is", &bytes).unwrap(), b"a signing key");
    }

    #[test]
    fn refresh_keys_differ_by_issuer_and_secret() {
        let both = secrets(&[ONE, TWO]).unwrap();
        let (one, others) = &both.refresh_keys(ISSUER);
        let [two] = &others[..] else { panic!("one set a secret") };
        let other = &both.refresh_keys("https://id.example.com/").0;
        assert_ne!(one.tag_key, two.tag_key);
        assert_ne!(one.tag_key, one.next_key);
        assert_ne!(one.tag_key, other.tag_key);
        assert_ne!(one.next_key, other.next_key);
    }

    #[test]
    fn weak_missing_and_repeated_secrets_are_refused_by_position() {
        assert_eq!(secrets(&[]).unwrap_err(), MasterSecretError::Missing);
        assert_eq!(MasterSecrets::parse("# only a comment\n\n").unwrap_err(), MasterSecretError::Missing);
        assert_eq!(secrets(&[""]).unwrap_err(), MasterSecretError::TooShort { position: 1 });
        let (short, enough) = ("x".repeat(31), "x".repeat(32));
        assert_eq!(secrets(&[ONE, &short]).unwrap_err(), MasterSecretError::TooShort { position: 2 });
        assert_eq!(
            secrets(&[&format!("  {short} \n")]).unwrap_err(),
            MasterSecretError::TooShort { position: 1 },
            "spaces don't count"
        );
        assert_eq!(
            secrets(&[&"é".repeat(31)]).unwrap_err(),
            MasterSecretError::TooShort { position: 1 },
            "characters count, not bytes"
        );
        assert!(secrets(&[&enough]).is_ok());
        assert_eq!(secrets(&[ONE, TWO, &format!("{ONE}\n")]).unwrap_err(), MasterSecretError::Repeated { position: 3 });
    }

    #[test]
    fn a_line_end_does_not_change_the_keys() {
        let (plain, _) = secrets(&[ONE]).unwrap().refresh_keys(ISSUER);
        let file = MasterSecrets::parse(&format!("# made by tokend\r\n\r\n  {ONE}\r\n")).unwrap();
        let (first, others) = file.refresh_keys(ISSUER);
        assert_eq!(plain.tag_key, first.tag_key);
        assert!(others.is_empty());
    }

    /// What 0.1.0 made with the mark as a part of the secret still verifies; a comment behind the mark is no secret.
    #[test]
    fn a_byte_order_mark_does_not_change_the_keys() {
        let marked = format!("\u{feff}{ONE}");
        let (plain, _) = secrets(&[ONE]).unwrap().refresh_keys(ISSUER);
        for read in [secrets(&[&marked]).unwrap(), MasterSecrets::parse(&format!("{marked}\r\n")).unwrap()] {
            let (first, older) = read.refresh_keys(ISSUER);
            assert_eq!((first.tag_key, older.len()), (plain.tag_key, 1));
            assert_ne!(older[0].tag_key, plain.tag_key);
        }
        let commented = MasterSecrets::parse(&format!("\u{feff}# {}\n{ONE}\n", "c".repeat(40))).unwrap();
        let (first, older) = commented.refresh_keys(ISSUER);
        assert_eq!((first.tag_key, older.len()), (plain.tag_key, 0));
    }

    #[test]
    fn what_is_sealed_opens_with_its_secret_and_purpose_only() {
        let (old, new, rotated) = (secrets(&[ONE]).unwrap(), secrets(&[TWO]).unwrap(), secrets(&[TWO, ONE]).unwrap());
        let sealed = old.seal(b"key 1", b"private").unwrap();
        assert_eq!(*old.open(b"key 1", &sealed).unwrap(), b"private");
        assert_eq!(*rotated.open(b"key 1", &sealed).unwrap(), b"private", "an older secret still opens");
        assert_eq!(new.open(b"key 1", &sealed).unwrap_err(), OpenError::Refused);
        assert_eq!(old.open(b"key 2", &sealed).unwrap_err(), OpenError::Refused);
        assert_eq!(*new.open(b"", &rotated.seal(b"", b"").unwrap()).unwrap(), b"", "the first secret seals");
        assert_ne!(sealed, old.seal(b"key 1", b"private").unwrap(), "a fresh nonce each time");
    }

    #[test]
    fn an_altered_bit_or_length_does_not_open() {
        let master = secrets(&[ONE]).unwrap();
        let sealed = master.seal(b"aad", b"private").unwrap();
        for i in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[i / 8] ^= 1 << (i % 8);
            assert!(master.open(b"aad", &altered).is_err(), "bit {i}");
        }
        for length in 0..sealed.len() {
            assert!(master.open(b"aad", &sealed[..length]).is_err(), "{length} bytes");
        }
        assert!(master.open(b"aad", &[sealed.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn shows_nothing_of_itself() {
        let master = secrets(&[ONE, TWO]).unwrap();
        assert_eq!(format!("{master:?}"), "MasterSecrets(2 of them)");
        assert_eq!(format!("{:?}", master.refresh_keys(ISSUER).0), "DerivedRefreshKey(98, ..)");
    }
}
