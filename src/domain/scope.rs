//! Scope, RFC 6749 §3.3: a set of case-sensitive words.

use std::fmt;
use std::str::FromStr;

/// A set of scope tokens. It keeps the order in which they were written, since clients compare the texts; two scopes with the same
/// words are equal whatever their order.
#[derive(Clone, Debug, Default)]
pub struct Scope(Vec<String>);

/// A text that is not a scope: a character outside %x21 / %x23-5B / %x5D-7E, or more than [`Scope::MAX_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is words of visible ASCII without \" and \\, separated by spaces, at most 1024 bytes in all")]
pub struct InvalidScope;

impl Scope {
    /// The word that makes a token good for `/userinfo`, OpenID Connect Core §5.3.
    pub const OPENID: &str = "openid";

    /// The word that a client's own token needs for `/introspect`, RFC 7662 §2.1.
    pub const INTROSPECT: &str = "introspect";

    /// The word that asks for a refresh token, OpenID Connect Core §11.
    pub const OFFLINE_ACCESS: &str = "offline_access";

    /// How the words begin that only an administrator may have.
    pub const ADMIN_PREFIX: &str = "admin:";

    /// The longest scope text that is accepted, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Whether every word of this scope is also in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|word| other.contains(word))
    }

    /// Whether this scope holds the one word `token`.
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|word| word == token)
    }

    /// Whether no word is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has a word that only an administrator may have.
    pub fn has_admin_words(&self) -> bool {
        self.iter().any(is_admin_word)
    }

    /// The words in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The words of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.filtered(|word| !other.contains(word))
    }

    /// Everything but the one word `token`.
    #[must_use]
    pub fn without(&self, token: &str) -> Self {
        self.filtered(|word| word != token)
    }

    /// Everything but the words that only an administrator may have.
    #[must_use]
    pub fn without_admin_words(&self) -> Self {
        self.filtered(|word| !is_admin_word(word))
    }

    fn filtered(&self, is_kept: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|word| is_kept(word)).cloned().collect())
    }
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        // No word is in a scope twice.
        self.0.len() == other.0.len() && self.is_subset(other)
    }
}

impl Eq for Scope {}

impl FromStr for Scope {
    type Err = InvalidScope;

    /// More space than the RFC's one between two words, or another kind of it, separates words all the same.
    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidScope);
        }
        let mut scope = Self::default();
        for word in text.split_ascii_whitespace() {
            if !is_scope_token(word) {
                return Err(InvalidScope);
            }
            if !scope.contains(word) {
                scope.0.push(word.to_owned());
            }
        }
        Ok(scope)
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

fn is_admin_word(word: &str) -> bool {
    word.starts_with(Scope::ADMIN_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    #[test]
    fn is_a_set_of_words_in_the_order_in_which_they_were_written() {
        let some = scope("read openid read");
        assert_eq!(some.to_string(), "read openid");
        assert!(some == scope("openid read") && some != scope("openid write") && some != scope("openid"));
        assert!(some.contains("read") && !some.contains("rea"));
        assert!(scope("read").is_subset(&some) && !scope("READ").is_subset(&some));
        assert_eq!(scope("c a b").difference(&scope("a")).to_string(), "c b");
        assert_eq!(scope("c a b").without("c").to_string(), "a b");
    }

    #[test]
    fn white_space_separates_words_and_says_nothing_else() {
        for text in ["a b", " a b", "a b ", "a  b", "a\tb", "a\r\nb\n"] {
            assert_eq!(scope(text).to_string(), "a b", "{text:?}");
        }
        assert!(scope("").is_empty() && scope(" \t").is_empty());
    }

    #[test]
    fn refuses_what_the_rfc_has_no_room_for() {
        for text in ["\"", "a\\b", "é", "a\0", "a\u{a0}b", "a\u{3000}b"] {
            assert_eq!(text.parse::<Scope>(), Err(InvalidScope), "{text:?}");
        }
        assert!("a".repeat(1024).parse::<Scope>().is_ok());
        assert!("a".repeat(1025).parse::<Scope>().is_err());
    }

    #[test]
    fn an_administrators_words_begin_alike() {
        assert_eq!(
            scope("read admin:users x:admin: Admin:x admin").without_admin_words(),
            scope("read x:admin: Admin:x admin")
        );
        assert!(scope("admin:").has_admin_words() && !scope("admin administrator:x").has_admin_words());
    }
}
