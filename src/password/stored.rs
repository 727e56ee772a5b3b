//! A stored hash: read once, at the edge, so that what reaches a thread is sound and within the limits of cost.

use std::fmt;

use super::PlainPassword;
use super::arena::Arena;
use super::argon::Argon2Hash;
use super::error::{CannotHash, ImportError};
use super::foreign::{self, Pbkdf2Hash, Prf, ScryptHash};
use super::parameters::HashParameters;
use super::phc::{passlib, read as phc};
use crate::domain::spelling::{unquoted, visible};

/// A password hash in the form in which it is stored: a PHC string, or what bcrypt and Django write.
///
/// That it exists means that it can be verified at a bounded cost. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct StoredHash {
    text: String,
    scheme: Scheme,
}

#[derive(Clone)]
enum Scheme {
    Argon2(Argon2Hash),
    Bcrypt { cost: u32 },
    Scrypt(ScryptHash),
    Pbkdf2(Pbkdf2Hash),
}

/// What decides how long a hash takes to verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Argon2(HashParameters),
    Bcrypt(u32),
    Scrypt((u8, u32, u32)),
    Pbkdf2(Prf, u32),
}

impl StoredHash {
    /// The longest text that is looked at, in bytes.
    pub const MAX_BYTES: usize = 512;

    /// A hash that an operator brings along from another server, with what a file or that server wrote around it.
    pub fn import(text: &str) -> Result<Self, ImportError> {
        Self::read(bare(unquoted(visible(text))))
    }

    /// Nothing is computed or allocated for it.
    fn read(text: &str) -> Result<Self, ImportError> {
        if text.len() > Self::MAX_BYTES {
            return Err(ImportError::Malformed);
        }
        Ok(Self { scheme: parse(text)?, text: text.to_owned() })
    }

    /// A hash from the database. `None`, so that no password is right, if it is malformed or too costly: a row that was
    /// tampered with must not be worth more than no row.
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A fresh argon2id hash of `password`.
    pub(super) fn create(
        password: &PlainPassword,
        parameters: HashParameters,
        arena: &mut Arena,
    ) -> Result<Self, CannotHash> {
        Ok(Argon2Hash::create(password, parameters, arena)?.into())
    }

    /// A hash that no password has, but that takes as long to verify as any with `parameters`.
    pub(super) fn random(parameters: HashParameters) -> Result<Self, ImportError> {
        Ok(Argon2Hash::random(parameters)?.into())
    }

    /// Whether this is the hash of `password`.
    pub(super) fn matches(&self, password: &PlainPassword, arena: &mut Arena) -> Result<bool, CannotHash> {
        match &self.scheme {
            Scheme::Argon2(hash) => hash.matches(password, arena),
            Scheme::Bcrypt { .. } => foreign::bcrypt_matches(password, &self.text),
            Scheme::Scrypt(hash) => hash.matches(password, arena),
            Scheme::Pbkdf2(hash) => Ok(hash.matches(password)),
        }
    }

    /// Whether a new hash with `parameters` would look like this one.
    pub(super) fn is_current(&self, parameters: HashParameters) -> bool {
        matches!(&self.scheme, Scheme::Argon2(hash) if hash.is_current(parameters))
    }

    pub(super) fn cost(&self) -> Cost {
        match &self.scheme {
            Scheme::Argon2(hash) => Cost::Argon2(hash.parameters()),
            Scheme::Bcrypt { cost } => Cost::Bcrypt(*cost),
            Scheme::Scrypt(hash) => Cost::Scrypt(hash.parameters()),
            Scheme::Pbkdf2(hash) => Cost::Pbkdf2(hash.prf, hash.iterations.get()),
        }
    }
}

impl From<Argon2Hash> for StoredHash {
    fn from(hash: Argon2Hash) -> Self {
        Self { text: hash.to_phc(), scheme: Scheme::Argon2(hash) }
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHash(..)")
    }
}

/// A hash without the name that some servers write before it, where that says what the hash says itself: `{CRYPT}$2y$..` of LDAP and
/// Dovecot, `{bcrypt}$2a$..` of Spring, `argon2$argon2id$..` of Django.
fn bare(text: &str) -> &str {
    const NAMES: [(&str, &str); 12] = [
        ("{crypt}", "$2"),
        ("{bcrypt}", "$2"),
        ("{blf-crypt}", "$2"),
        ("{argon2}", "$argon2"),
        ("{argon2i}", "$argon2i$"),
        ("{argon2id}", "$argon2id$"),
        ("{scrypt}", "$scrypt$"),
        ("{pbkdf2}", "$pbkdf2-"),
        ("{pbkdf2-sha256}", "$pbkdf2-sha256$"),
        ("{pbkdf2-sha512}", "$pbkdf2-sha512$"),
        ("bcrypt$", "$2"),
        ("argon2", "$argon2"),
    ];
    let named = |(name, scheme): (&str, &str)| {
        let (before, hash) = text.split_at_checked(name.len())?;
        (before.eq_ignore_ascii_case(name) && hash.starts_with(scheme)).then_some(hash)
    };
    NAMES.into_iter().find_map(named).unwrap_or(text)
}

fn parse(text: &str) -> Result<Scheme, ImportError> {
    if let Some(rest) = text.strip_prefix("pbkdf2_sha256$") {
        return Pbkdf2Hash::parse_django(rest).map(Scheme::Pbkdf2);
    }
    let scheme = text.strip_prefix('$').and_then(|rest| rest.split('$').next());
    match scheme {
        Some("argon2id" | "argon2i" | "argon2d") => Argon2Hash::parse(&phc(text)?).map(Scheme::Argon2),
        Some("2a" | "2b" | "2y") => foreign::bcrypt_cost(text).map(|cost| Scheme::Bcrypt { cost }),
        Some("scrypt") => ScryptHash::parse(&phc(text)?).map(Scheme::Scrypt),
        Some("pbkdf2-sha256") => Pbkdf2Hash::parse(&phc(&passlib(text))?, Prf::Sha256).map(Scheme::Pbkdf2),
        Some("pbkdf2-sha512") => Pbkdf2Hash::parse(&phc(&passlib(text))?, Prf::Sha512).map(Scheme::Pbkdf2),
        _ => Err(ImportError::UnknownScheme),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT: &str = "c29tZXNhbHQ";
    const OUTPUT: &str = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    fn import(text: &str) -> Result<(), ImportError> {
        let imported = StoredHash::import(text);
        assert_eq!(StoredHash::from_stored(text).is_some(), imported.is_ok());
        imported.map(|hash| assert_eq!(hash.as_str(), text))
    }

    #[test]
    fn a_hash_that_costs_too_much_is_refused_and_one_at_the_limit_is_not() {
        for (head, expected) in [
            ("$argon2id$v=19$m=262144,t=4,p=1", Ok(())),
            ("$argon2id$v=19$m=262145,t=1,p=1", Err(ImportError::TooCostly)),
            ("$argon2id$v=19$m=262144,t=5,p=1", Err(ImportError::TooCostly)),
            ("$argon2id$v=19$m=4194304,t=1,p=1", Err(ImportError::TooCostly)),
            ("$argon2id$v=19$m=4294967295,t=4294967295,p=1", Err(ImportError::TooCostly)),
            ("$argon2id$v=19$m=8,t=4294967295,p=1", Err(ImportError::TooCostly)),
            ("$scrypt$ln=18,r=8,p=1", Ok(())),
            ("$scrypt$ln=18,r=8,p=2", Ok(())),
            ("$scrypt$ln=18,r=8,p=3", Err(ImportError::TooCostly)),
            ("$scrypt$ln=19,r=8,p=1", Err(ImportError::TooCostly)),
            ("$scrypt$ln=63,r=8,p=1", Err(ImportError::TooCostly)),
            ("$scrypt$ln=4294967295,r=8,p=1", Err(ImportError::TooCostly)),
            ("$scrypt$ln=1,r=64,p=64", Ok(())),
            ("$scrypt$ln=1,r=65,p=1", Err(ImportError::TooCostly)),
            ("$scrypt$ln=1,r=1,p=65", Err(ImportError::TooCostly)),
            ("$scrypt$ln=1,r=65536,p=65536", Err(ImportError::TooCostly)),
            ("$pbkdf2-sha256$i=2000000", Ok(())),
            ("$pbkdf2-sha256$i=2000001", Err(ImportError::TooCostly)),
            ("$pbkdf2-sha512$4294967295", Err(ImportError::TooCostly)),
        ] {
            assert_eq!(import(&format!("{head}${SALT}${OUTPUT}")), expected, "{head}");
        }
        let bcrypt = |cost| format!("$2b${cost}$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO");
        assert_eq!(import(&bcrypt("04")), Ok(()));
        assert_eq!(import(&bcrypt("14")), Ok(()));
        assert_eq!(import(&bcrypt("15")), Err(ImportError::TooCostly));
        assert_eq!(import(&bcrypt("99")), Err(ImportError::TooCostly));
        assert_eq!(import(&bcrypt("03")), Err(ImportError::Malformed));
        let django =
            |iterations| format!("pbkdf2_sha256${iterations}$salt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=");
        assert_eq!(import(&django("2000000")), Ok(()));
        assert_eq!(import(&django("2000001")), Err(ImportError::TooCostly));
    }

    /// As long as it says what the hash says itself.
    #[test]
    fn what_another_server_wrote_around_a_hash_is_left_out() {
        let bcrypt = "$2b$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO";
        let argon = format!("$argon2id$v=19$m=64,t=1,p=1${SALT}${OUTPUT}");
        for (text, hash) in [
            (format!(" {bcrypt}\r\n"), bcrypt),
            (format!("\u{feff}{bcrypt}"), bcrypt),
            (format!("\"{bcrypt}\""), bcrypt),
            (format!("{{CRYPT}}{bcrypt}"), bcrypt),
            (format!("{{bcrypt}}{bcrypt}\n"), bcrypt),
            (format!("{{BLF-CRYPT}}{bcrypt}"), bcrypt),
            (format!("bcrypt${bcrypt}"), bcrypt),
            (format!("{{ARGON2ID}}{argon}"), &argon),
            (format!("argon2{argon}"), &argon),
        ] {
            assert_eq!(StoredHash::import(&text).unwrap().as_str(), hash, "{text:?}");
            assert!(StoredHash::from_stored(&text).is_none(), "what is stored has one spelling");
        }
        for text in [
            format!("{{ARGON2ID}}{bcrypt}"),
            format!("{{bcrypt-sha256}}{bcrypt}"),
            format!("bcrypt_sha256${bcrypt}"),
            format!("{{noop}}{bcrypt}"),
            format!("alice:{bcrypt}"),
        ] {
            assert_eq!(import(&text), Err(ImportError::UnknownScheme), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_hash_is_nobody_s_hash() {
        for text in
            ["", " ", "!", "*", "$", "$$", "password", "NULL", "$1$salt$hash", "$6$salt$hash", "$7$x", "{SSHA}x"]
        {
            assert_eq!(import(text), Err(ImportError::UnknownScheme), "{text:?}");
        }
        assert_eq!(
            import("$2x$05$abcdefghijklmnopqrstuuhKF09ZYWwH2zP/0fwE1X8e/Q1YNx/hO"),
            Err(ImportError::UnknownScheme)
        );
        for text in [
            "$argon2id".to_owned(),
            "$argon2id$v=19$m=64,t=1,p=1".to_owned(),
            format!("$argon2id$v=19$m=64,t=1,p=1${SALT}"),
            format!("$argon2id$v=19$m=64,t=1,p=1${SALT}$"),
            format!("$argon2id$v=19$m=64,t=1,p=1${SALT}$AAAA"),
            format!("$argon2id$v=19$m=64,t=1,p=1$$${OUTPUT}"),
            format!("$argon2id$v=19$m=64,t=1,p=1${SALT}${OUTPUT}$"),
            format!("$argon2id$v=20$m=64,t=1,p=1${SALT}${OUTPUT}"),
            format!("$argon2id$v=19$m=64,t=1${SALT}${OUTPUT}"),
            format!("$argon2id$v=19$m=64,t=1,p=1,data=AAAA${SALT}${OUTPUT}"),
            format!("$argon2id$v=19$m=64,m=65,t=1,p=1${SALT}${OUTPUT}"),
            format!("$argon2id$v=19$m=64,t=0,p=1${SALT}${OUTPUT}"),
            format!("$argon2id$v=19$m=64,t=1,p=9${SALT}${OUTPUT}"),
            format!("$argon2id${SALT}${OUTPUT}"),
            format!("$scrypt$v=1$ln=14,r=8,p=1${SALT}${OUTPUT}"),
            format!("$scrypt$ln=14,r=0,p=1${SALT}${OUTPUT}"),
            format!("$pbkdf2-sha256$i=0${SALT}${OUTPUT}"),
            format!("$pbkdf2-sha256$i=1,l=31${SALT}${OUTPUT}"),
            format!("$pbkdf2-sha256$i=1${SALT}$nf65EOgLrQMR/uIP"),
            format!("$pbkdf2-sha256$${SALT}${OUTPUT}"),
            "$2b$05$".to_owned(),
            format!("$2b$05${}", "\u{e9}".repeat(26)),
            "pbkdf2_sha256$".to_owned(),
            "pbkdf2_sha256$1$salt$".to_owned(),
            "pbkdf2_sha256$1$salt$AAAA".to_owned(),
            "pbkdf2_sha256$1$$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=".to_owned(),
            "pbkdf2_sha256$-1$salt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=".to_owned(),
            format!("$argon2id$v=19$m=64,t=1,p=1${SALT}${OUTPUT}{}", "A".repeat(512)),
        ] {
            assert_eq!(import(&text), Err(ImportError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn shows_nothing_of_itself() {
        let hash = StoredHash::import(&format!("$argon2id$v=19$m=64,t=1,p=1${SALT}${OUTPUT}")).unwrap();
        assert_eq!(format!("{hash:?}"), "StoredHash(..)");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(
            scheme in "(\\$argon2id|\\$argon2d\\$v=19|\\$scrypt|\\$pbkdf2-sha256|\\$2b|pbkdf2_sha256)",
            rest in "(\\$?[a-z]{0,2}=?[0-9]{0,11}[,$.]?){0,8}(\\PC{0,8}|[A-Za-z0-9+/]{0,60})\\$?[A-Za-z0-9+/=]{0,70}",
        ) {
            let _ = StoredHash::import(&format!("{scheme}{rest}"));
        }
    }
}
