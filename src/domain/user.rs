//! Users: people with a password.

use std::fmt;
use std::str::FromStr;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use serde::Serialize;
use uuid::Uuid;

use super::spelling::{is_invisible, visible};
use crate::clock::UnixTime;
use crate::random;

/// Free claims of a user, by name.
pub type Claims = serde_json::Map<String, serde_json::Value>;

/// A user's identifier, and the `sub` of every token of that user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
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

    /// What a keyboard or a clipboard added around the name, and what nobody sees, is left out.
    fn from_str(text: &str) -> Result<Self, InvalidUsername> {
        let text = visible(text);
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(InvalidUsername);
        }
        if text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()) {
            // What is stored is canonical, and mostly ASCII, where nothing else is to be looked at.
            return Ok(Self(text.to_owned()));
        }
        let name = UsernameCaseMapped::enforce(text);
        let name = name.or_else(|_| UsernameCaseMapped::enforce(without_stray_joiners(text)));
        let name = name.map_err(|_| InvalidUsername)?;
        if name.len() > Self::MAX_BYTES { Err(InvalidUsername) } else { Ok(Self(name.into_owned())) }
    }
}

/// Some keyboards leave a joiner at the end of a word. It is a part of the name only where the profile allows it there.
fn without_stray_joiners(text: &str) -> &str {
    text.trim_matches(|c: char| matches!(c, '\u{200c}' | '\u{200d}') || c.is_whitespace() || is_invisible(c))
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
    /// What is known of the person.
    pub profile: Profile,
    /// Counts what ends every earlier sign-in: new passwords, being disabled.
    pub credentials_version: i64,
    /// When the user was made.
    pub created_at: UnixTime,
    /// When the user was disabled, if it is.
    pub disabled_at: Option<UnixTime>,
}

/// What is known of a person. No decision needs it: it is read where a claim is asked for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Profile {
    /// The address, as the operator gave it.
    pub email: Option<String>,
    /// Free claims; configuration says which go where.
    pub claims: Claims,
}

impl Profile {
    /// A profile with an address and claims.
    pub fn new(email: Option<String>, claims: Claims) -> Self {
        Self { email, claims, ..Self::default() }
    }
}

impl User {
    /// The claim of that name, OpenID Connect Core §5.1: the name and the address from their own columns, everything
    /// else as the operator set it. `None` rather than null.
    pub fn claim(&self, name: &str) -> Option<serde_json::Value> {
        match (name, &self.profile.email) {
            ("preferred_username", _) => Some(self.username.as_str().into()),
            ("email", Some(email)) => Some(email.as_str().into()),
            _ => self.profile.claims.get(name).filter(|value| !value.is_null()).cloned(),
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

    /// The short way for ASCII leads where the RFC's long one does.
    #[test]
    fn ascii_is_taken_as_the_profile_takes_it() {
        for one in '\0'..='\u{7f}' {
            let text = format!("a{one}b");
            let canonical = UsernameCaseMapped::enforce(text.as_str()).ok();
            assert_eq!(text.parse::<Username>().ok().map(|name| name.0), canonical.map(Into::into), "{one:?}");
        }
    }

    #[test]
    fn what_is_around_a_name_is_no_part_of_it() {
        let alice = "alice".parse::<Username>();
        for around in
            [" ", "\n", "\u{a0}", "\u{200b}", "\u{feff}", "\u{2060}", "\u{200f}", "\u{202c}", "\u{2066}", "\u{200c}"]
        {
            for text in [format!("{around}Alice"), format!("alice{around}"), format!(" {around}alice {around}")] {
                assert_eq!(text.parse(), alice, "{text:?}");
            }
        }
        let with_joiner = "\u{915}\u{94d}\u{200d}";
        assert_eq!(
            with_joiner.parse::<Username>().unwrap().as_str(),
            with_joiner,
            "after a virama it belongs to the name"
        );
        let longest = format!("\u{feff}{} ", "a".repeat(256));
        assert!(longest.parse::<Username>().is_ok() && longest.replace('\u{feff}', "b").parse::<Username>().is_err());
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in ["", " ", "\u{feff}", "a b", "a\0", "a\u{200b}b", "a\nb", "\u{2163}"] {
            assert_eq!(text.parse::<Username>(), Err(InvalidUsername), "{text:?}");
        }
        assert!("a".repeat(256).parse::<Username>().is_ok());
        assert!("a".repeat(257).parse::<Username>().is_err());
    }
}
