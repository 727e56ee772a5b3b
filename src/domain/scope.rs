//! Scope, RFC 6749 §3.3: a set of case-sensitive words.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A set of scope tokens. Written space-delimited and sorted, so that equal sets have equal texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(BTreeSet<String>);

/// A text that is not a scope: a character outside %x21 / %x23-5B / %x5D-7E, or more than [`Scope::MAX_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is words of visible ASCII without \" and \\, separated by single spaces, at most 1024 bytes in all")]
pub struct InvalidScope;

impl Scope {
    /// The word that makes a token good for `/userinfo`, OpenID Connect Core §5.3.
    pub const OPENID: &str = "openid";

    /// The word that makes a token good for `/introspect`, RFC 7662 §2.1.
    pub const INTROSPECT: &str = "introspect";

    /// The longest scope text that is accepted, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Whether every word of this scope is also in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether this scope holds the one word `token`.
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Whether no word is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The words of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }
}

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidScope);
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(' ')
            .map(|word| if is_scope_token(word) { Ok(word.to_owned()) } else { Err(InvalidScope) })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

fn is_scope_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_set_of_words() {
        let scope: Scope = "read openid read".parse().unwrap();
        assert_eq!(scope.to_string(), "openid read");
        assert!(scope.contains("read") && !scope.contains("rea"));
        assert!("read".parse::<Scope>().unwrap().is_subset(&scope));
        assert!(!"READ".parse::<Scope>().unwrap().is_subset(&scope));
        assert!("".parse::<Scope>().unwrap().is_empty());
    }

    #[test]
    fn refuses_what_the_rfc_has_no_room_for() {
        for text in [" ", "a  b", "a ", "\"", "a\\b", "a\tb", "é", "a\0"] {
            assert_eq!(text.parse::<Scope>(), Err(InvalidScope), "{text:?}");
        }
        assert!("a".repeat(1024).parse::<Scope>().is_ok());
        assert!("a".repeat(1025).parse::<Scope>().is_err());
    }
}
