//! The table of grants. A grant is a line here and a file in `src/grant/`; `/token`, the metadata documents, the command line and the
//! rules of registrations read this table.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Hands each line to the macro `$reader`: the variant, the file that carries it out, `grant_type`, whom it is for, what it yields.
macro_rules! grants {
    ($reader:ident) => {
        $reader! {
            // RFC 6749 §4.3.
            Password password "password" FirstParty Session,
            // RFC 6749 §6.
            RefreshToken refresh_token "refresh_token" Everybody NextTokens,
            // RFC 6749 §4.4.
            ClientCredentials client_credentials "client_credentials" Confidential OwnToken,
            // Begins a session of the user that it is told, for tests.
            #[cfg(test)]
            Told told "urn:tokend:grant:told" Everybody Session,
        }
    };
}
pub(crate) use grants;

macro_rules! define {
    ($($(#[$meta:meta])* $grant:ident $file:ident $name:literal $clients:ident $yields:ident,)*) => {
        /// A way to get a token at `/token`, RFC 6749 §4.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Grant {
            $($(#[$meta])* #[doc = concat!("`grant_type=", $name, "`")] $grant,)*
        }

        impl Grant {
            /// Every grant that the server knows, in the order in which metadata lists them.
            pub const ALL: [Self; Self::COUNT] = [$($(#[$meta])* Self::$grant),*];

            const COUNT: usize = [$($(#[$meta])* $name),*].len();

            /// The value of `grant_type`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($(#[$meta])* Self::$grant => $name,)*
                }
            }

            /// The clients that may have it.
            pub fn clients(self) -> Clients {
                match self {
                    $($(#[$meta])* Self::$grant => Clients::$clients,)*
                }
            }

            /// What a client gets by it.
            pub fn yields(self) -> Yields {
                match self {
                    $($(#[$meta])* Self::$grant => Yields::$yields,)*
                }
            }
        }
    };
}
grants!(define);

/// The clients that may have a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// All of them.
    Everybody,
    /// The operator's own apps.
    FirstParty,
    /// Those that authenticate.
    Confidential,
}

/// What a client gets by a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yields {
    /// A session of a user, with a refresh token if the client may refresh.
    Session,
    /// The next tokens of a session.
    NextTokens,
    /// A token of its own, without a user.
    OwnToken,
}

/// Why a client may not use a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MayNotUse {
    /// Its registration doesn't have it.
    #[error("the client lacks the {0} grant")]
    Unregistered(Grant),
    /// It isn't a first-party client.
    #[error("the {0} grant is for first-party clients")]
    ThirdParty(Grant),
    /// It is public.
    #[error("the {0} grant is for confidential clients")]
    Public(Grant),
}

/// A `grant_type` that the server doesn't know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownGrant;

impl fmt::Display for UnknownGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a grant is one of {}", Grant::ALL.map(Grant::as_str).join(", "))
    }
}

impl std::error::Error for UnknownGrant {}

impl FromStr for Grant {
    type Err = UnknownGrant;

    fn from_str(text: &str) -> Result<Self, UnknownGrant> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text).ok_or(UnknownGrant)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The grants that a client may use.
pub type Grants = BTreeSet<Grant>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_as_it_is_written_and_no_other_text_is_one() {
        for grant in Grant::ALL {
            assert_eq!(grant.as_str().parse(), Ok(grant));
        }
        for text in ["", "Password", "password ", "implicit"] {
            assert_eq!(text.parse::<Grant>(), Err(UnknownGrant), "{text:?}");
        }
        assert!(UnknownGrant.to_string().starts_with("a grant is one of password, refresh_token, client_credentials"));
    }
}
