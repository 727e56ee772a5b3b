//! Users: people with a password.

use std::fmt;
use std::str::FromStr;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::random;

/// Free claims of a user, by name.
pub type Claims = serde_json::Map<String, serde_json::Value>;

/// A user's identifier, and the `sub` of every token of that user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserId(pub Uuid);

impl UserId {
    /// A fresh random identifier.
    pub fn generate() -> Self {
        Self(random::uuid())
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A user name in its canonical form: RFC 8265 §3.3, UsernameCaseMapped. Two spellings of one name are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

/// A text that can't be a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name is 1 to 256 bytes of letters, digits and printable ASCII (RFC 8265), without spaces")]
pub struct InvalidUsername;

impl Username {
    /// The longest user name that is accepted, in bytes, before and after it is made canonical.
    pub const MAX_BYTES: usize = 256;

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Username {
    type Err = InvalidUsername;

    fn from_str(text: &str) -> Result<Self, InvalidUsername> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(InvalidUsername);
        }
        let name = UsernameCaseMapped::enforce(text).map_err(|_| InvalidUsername)?;
        if name.len() > Self::MAX_BYTES { Err(InvalidUsername) } else { Ok(Self(name.into_owned())) }
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One user as stored.
#[derive(Clone, Debug)]
pub struct User {
    /// The identifier, `sub` in tokens.
    pub id: UserId,
    /// The canonical name.
    pub username: Username,
    /// The address, as the operator gave it.
    pub email: Option<String>,
    /// Free claims; configuration says which go where.
    pub claims: Claims,
    /// Counts what ends every earlier sign-in: new passwords, being disabled.
    pub credentials_version: i64,
    /// When the user was made.
    pub created_at: UnixTime,
    /// When the user was disabled, if it is.
    pub disabled_at: Option<UnixTime>,
}

impl User {
    /// The claim of that name, OpenID Connect Core §5.1: the name and the address from their own columns, everything
    /// else as the operator set it. `None` rather than null.
    pub fn claim(&self, name: &str) -> Option<serde_json::Value> {
        match (name, &self.email) {
            ("preferred_username", _) => Some(self.username.as_str().into()),
            ("email", Some(email)) => Some(email.as_str().into()),
            _ => self.claims.get(name).filter(|value| !value.is_null()).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one_name() {
        let name = |text: &str| text.parse::<Username>();
        assert_eq!(name("Alice").unwrap().as_str(), "alice");
        assert_eq!(name("ＡＬＩＣＥ"), name("alice"), "full-width letters");
        assert_eq!(name("E\u{301}va"), name("\u{e9}va"), "decomposed letters");
        assert_eq!(name("alice@example.com").unwrap().as_str(), "alice@example.com");
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in ["", " ", "a b", "a\0", "a\u{200b}b", "a\n", "\u{2163}"] {
            assert_eq!(text.parse::<Username>(), Err(InvalidUsername), "{text:?}");
        }
        assert!("a".repeat(256).parse::<Username>().is_ok());
        assert!("a".repeat(257).parse::<Username>().is_err());
    }
}
