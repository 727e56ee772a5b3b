//! A password in plain text: canonical, bounded, wiped when dropped.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use zeroize::ZeroizeOnDrop;

/// A password in its canonical form, RFC 8265 §4.2: OpaqueString. `Debug` shows nothing of it.
#[derive(ZeroizeOnDrop)]
pub struct PlainPassword(String);

/// What is wrong with a password. The texts fit `error_description` (RFC 6749 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// There is none.
    #[error("the password is empty")]
    Empty,
    /// Shorter than [`PlainPassword::MIN_BYTES`].
    #[error("a password is at least 8 bytes long")]
    TooShort,
    /// Longer than [`PlainPassword::MAX_BYTES`].
    #[error("a password is at most 1024 bytes long")]
    TooLong,
    /// Not an OpaqueString: it holds control characters or code points that Unicode has not assigned.
    #[error("a password consists of printable characters and spaces")]
    NotPrintable,
}

impl PlainPassword {
    /// The shortest password that may be chosen, in bytes.
    pub const MIN_BYTES: usize = 8;

    /// The longest password that is looked at, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// A new password: 8 to 1024 bytes, before and after it is made canonical.
    pub fn chosen(text: &str) -> Result<Self, PasswordRule> {
        let long_enough = |text: &str| if text.len() < Self::MIN_BYTES { Err(PasswordRule::TooShort) } else { Ok(()) };
        check_presence_and_length(text)?;
        long_enough(text)?;
        let canonical = Self::canonical(text)?;
        long_enough(&canonical.0)?;
        Ok(canonical)
    }

    /// A password that somebody presents to sign in: 1 to 1024 bytes.
    ///
    /// What has no canonical form can't have been chosen here, but is no error: it is kept as it is, costs the same
    /// work as any other password, and is wrong, unless it belongs to an imported hash whose origin allowed it.
    pub fn presented(text: &str) -> Result<Self, PasswordRule> {
        check_presence_and_length(text)?;
        Ok(Self::canonical(text).unwrap_or_else(|_| Self(text.to_owned())))
    }

    /// A random password, to measure with.
    pub(super) fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(crate::random::bytes::<32>()))
    }

    /// The bytes that are hashed.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn canonical(text: &str) -> Result<Self, PasswordRule> {
        let canonical = OpaqueString::enforce(text).map_err(|_| PasswordRule::NotPrintable)?;
        let canonical = Self(canonical.into_owned());
        check_presence_and_length(&canonical.0)?;
        Ok(canonical)
    }
}

fn check_presence_and_length(text: &str) -> Result<(), PasswordRule> {
    if text.is_empty() {
        Err(PasswordRule::Empty)
    } else if text.len() > PlainPassword::MAX_BYTES {
        Err(PasswordRule::TooLong)
    } else {
        Ok(())
    }
}

impl fmt::Debug for PlainPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainPassword(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Result<Vec<u8>, PasswordRule> {
        PlainPassword::chosen(text).map(|password| password.as_bytes().to_vec())
    }

    fn presented(text: &str) -> Result<Vec<u8>, PasswordRule> {
        PlainPassword::presented(text).map(|password| password.as_bytes().to_vec())
    }

    #[test]
    fn a_new_password_has_8_to_1024_bytes() {
        assert_eq!(chosen(""), Err(PasswordRule::Empty));
        assert_eq!(chosen("1234567"), Err(PasswordRule::TooShort));
        assert_eq!(chosen("12345678"), Ok(b"12345678".to_vec()));
        assert_eq!(chosen(&"a".repeat(1024)), Ok(vec![b'a'; 1024]));
        assert_eq!(chosen(&"a".repeat(1025)), Err(PasswordRule::TooLong));
    }

    #[test]
    fn the_limits_hold_after_the_canonical_form_too() {
        let shrinks = "e\u{301}e\u{301}e\u{301}";
        assert_eq!((shrinks.len(), chosen(shrinks)), (9, Err(PasswordRule::TooShort)));
        let grows = "\u{958}".repeat(171);
        assert_eq!((grows.len(), chosen(&grows)), (513, Err(PasswordRule::TooLong)), "NFC makes two of each");
        assert_eq!(presented(&grows), Ok(grows.as_bytes().to_vec()));
        let spaces = "\u{3000}".repeat(341);
        assert_eq!((spaces.len(), chosen(&spaces)), (1023, Ok(vec![b' '; 341])));
        assert_eq!(chosen(&"\u{3000}".repeat(7)), Err(PasswordRule::TooShort), "21 bytes become 7");
    }

    #[test]
    fn spellings_of_one_password_are_one_password() {
        assert_eq!(chosen("cafe\u{301} au lait"), chosen("caf\u{e9} au lait"));
        assert_eq!(presented("cafe\u{301}"), Ok("caf\u{e9}".as_bytes().to_vec()));
        for space in ["\u{a0}", "\u{2003}", "\u{3000}"] {
            assert_eq!(chosen(&format!("correct{space}horse")), chosen("correct horse"), "{space:?}");
        }
        assert_ne!(chosen("Correct horse"), chosen("correct horse"), "case counts");
        assert_ne!(chosen(" correct horse"), chosen("correct horse"), "spaces at the ends count");
        assert_ne!(chosen("\u{ff43}orrect horse"), chosen("correct horse"), "width counts");
    }

    #[test]
    fn control_characters_can_not_be_chosen_and_are_presented_in_vain() {
        for text in ["pass\0word!", "pass\nword!", "pass\u{7f}word", "password\u{378}"] {
            assert_eq!(chosen(text), Err(PasswordRule::NotPrintable), "{text:?}");
            assert_eq!(presented(text), Ok(text.as_bytes().to_vec()), "{text:?}");
        }
    }

    #[test]
    fn a_presented_password_has_1_to_1024_bytes() {
        assert_eq!(presented(""), Err(PasswordRule::Empty));
        assert_eq!(presented("a"), Ok(b"a".to_vec()));
        assert_eq!(presented(&"a".repeat(1024)), Ok(vec![b'a'; 1024]));
        assert_eq!(presented(&"a".repeat(1025)), Err(PasswordRule::TooLong));
    }

    #[test]
    fn shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", PlainPassword::presented("hunter2").unwrap()), "PlainPassword(..)");
    }
}
