//! Secrets that somebody brings along who must know the same one elsewhere.

use crate::admin::Error;
use crate::domain::PlainSecret;
use crate::domain::spelling::visible;

/// The shortest secret that is accepted from outside, in characters: its hash is fast, so it can't be guessable.
const SHORTEST: usize = 32;

/// The longest one, in characters.
const LONGEST: usize = 1024;

/// A secret from outside: visible ASCII, so that it passes through headers and shells as it is (RFC 6749 §A.2).
pub(crate) fn chosen_secret(text: &str) -> Result<PlainSecret, Error> {
    // No secret has anything invisible in it.
    let secret = visible(text);
    match secret.len() {
        _ if !secret.bytes().all(|b| b.is_ascii_graphic()) => {
            Err(Error::invalid("a secret is visible ASCII without spaces"))
        }
        SHORTEST..=LONGEST => Ok(PlainSecret::new(secret.to_owned())),
        _ => Err(Error::invalid("a secret is 32 to 1024 characters long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_from_outside_is_long_and_visible() {
        assert!(chosen_secret(&"a".repeat(32)).is_ok() && chosen_secret(&"~".repeat(1024)).is_ok());
        for text in ["a".repeat(31), "a".repeat(1025), format!("a b{}", "c".repeat(32)), "é".repeat(32)] {
            assert!(chosen_secret(&text).is_err(), "{text:?}");
        }
    }
}
