//! Clients: apps that ask for tokens, and what each may do.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;

use super::grant::{Clients, Grant, Grants, MayNotUse, Yields};
use super::{Scope, SecretHash};
use crate::clock::{Seconds, UnixTime};
use crate::words::words;

/// The longest lifetime that an access token may have, in seconds: no registration and no configuration allows for more.
pub const LONGEST_ACCESS_LIFETIME: Seconds = 24 * 3600;

/// A client's identifier: visible ASCII (RFC 6749 §A.1), and never a UUID, so that no client's `sub` is a user's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ClientId(String);

/// A text that can't be a client identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client id is 1 to 128 characters of printable ASCII and not a UUID")]
pub struct InvalidClientId;

impl ClientId {
    /// The longest identifier that is accepted, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidClientId;

    /// White space around it was copied along: no identifier has any there.
    fn from_str(text: &str) -> Result<Self, InvalidClientId> {
        let text = text.trim();
        let printable = text.bytes().all(|b| matches!(b, 0x20..=0x7e));
        if text.is_empty() || text.len() > Self::MAX_BYTES || !printable || Uuid::try_parse(text).is_ok() {
            return Err(InvalidClientId);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// How a client shows who it is, RFC 6749 §2.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `none`: the identifier says which client it is, and proves nothing.
    Public,
    /// `client_secret_basic` or `client_secret_post`, against the stored hash.
    Secret(SecretHash),
}

words! {
    /// What happens when a refresh token comes back whose successor was never used (docs/design.md#verdicts).
    pub enum Recovery {
        /// It is exchanged again: the client lost our answer.
        On = "on",
        /// It is taken for theft: the session ends.
        Strict = "strict",
    }
}

words! {
    /// The `typ` header of a client's access tokens.
    pub enum TokenTyp {
        /// `at+jwt`, RFC 9068 §2.1.
        AccessToken = "at+jwt",
        /// `JWT`, for resource servers that refuse any other.
        Jwt = "JWT",
    }
}

/// How a client's refresh tokens behave (docs/design.md#refresh-tokens).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// Whether a refresh token is exchanged for a new one each time.
    pub rotation: bool,
    /// W: how long after an exchange presenting that token again is a retry, in seconds.
    pub reuse_window: Seconds,
    /// What a token means whose successor was never used.
    pub recovery: Recovery,
    /// How long a session lives without being used; 0 for no limit.
    pub idle_lifetime: Seconds,
    /// How long a session lives at most; 0 for no limit.
    pub absolute_lifetime: Seconds,
}

/// One client as registered. What is `None` follows the configuration.
#[derive(Clone, Debug)]
pub struct Client {
    /// The identifier, `client_id` on the wire.
    pub id: ClientId,
    /// What people call it.
    pub name: String,
    /// How it authenticates.
    pub authentication: ClientAuthentication,
    /// What it may ask for at `/token`.
    pub grants: Grants,
    /// The scope that it may ask for. Asked for none, it gets all of it but the words that only an administrator may have.
    pub scope: Scope,
    /// The resource servers that its tokens may be for; the configured default if empty.
    pub audience: Vec<String>,
    /// The audiences for which it, as a resource server, may introspect.
    pub serves: Vec<String>,
    /// Whether it may handle passwords.
    pub first_party: bool,
    /// Whether it may introspect.
    pub may_introspect: bool,
    /// Whether it may revoke any token.
    pub admin: bool,
    /// The lifetime of its access tokens, in seconds.
    pub access_lifetime: Option<Seconds>,
    /// Whether its refresh tokens rotate.
    pub rotation: bool,
    /// Its W, in seconds.
    pub reuse_window: Option<Seconds>,
    /// What an unused successor means.
    pub recovery: Recovery,
    /// How long its sessions live unused, in seconds; 0 for no limit.
    pub idle_lifetime: Option<Seconds>,
    /// How long its sessions live at most, in seconds; 0 for no limit.
    pub absolute_lifetime: Option<Seconds>,
    /// The web origins whose pages may speak for it; those of the configuration if empty.
    pub allowed_origins: Vec<String>,
    /// The `typ` header of its access tokens.
    pub token_typ: TokenTyp,
    /// Its tokens without a session that were issued up to this second are revoked.
    pub tokens_revoked_at: UnixTime,
    /// Counts the changes to this registration.
    pub version: i64,
    /// When it was registered.
    pub created_at: UnixTime,
    /// When it was disabled, if it is.
    pub disabled_at: Option<UnixTime>,
}

/// What a change to a registration takes away from the sessions that rest on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RightsLost {
    /// Everything: each session of the client has to end.
    All,
    /// These words and audiences: each session that has one of them has to end.
    Part {
        /// Of the scope.
        scope: Scope,
        /// Of the resource servers that its tokens may be for.
        audience: Vec<String>,
    },
}

impl Client {
    /// The most that the audiences of a token may take, in bytes of JSON: with the longest client id and scope there is
    /// still a token of 8 KiB.
    pub const MAX_AUDIENCE_BYTES: usize = 2048;

    /// A client that may do nothing yet.
    pub fn without_rights(id: ClientId, authentication: ClientAuthentication, now: UnixTime) -> Self {
        Self {
            name: id.to_string(),
            id,
            authentication,
            grants: Grants::new(),
            scope: Scope::default(),
            audience: Vec::new(),
            serves: Vec::new(),
            first_party: false,
            may_introspect: false,
            admin: false,
            access_lifetime: None,
            rotation: true,
            reuse_window: None,
            recovery: Recovery::On,
            idle_lifetime: None,
            absolute_lifetime: None,
            allowed_origins: Vec::new(),
            token_typ: TokenTyp::AccessToken,
            tokens_revoked_at: now,
            version: 1,
            created_at: now,
            disabled_at: None,
        }
    }

    /// Whether it may revoke any token. A public client may not: its identifier proves nothing.
    pub fn is_admin(&self) -> bool {
        self.admin && !self.is_public()
    }

    /// Whether its identifier proves nothing.
    pub fn is_public(&self) -> bool {
        self.authentication == ClientAuthentication::Public
    }

    /// The part of `scope` that it may have: words that begin with [`Scope::ADMIN_PREFIX`] are an administrator's, whatever is
    /// registered.
    pub fn entitled<'a>(&self, scope: &'a Scope) -> Cow<'a, Scope> {
        if self.is_admin() || !scope.has_admin_words() {
            Cow::Borrowed(scope)
        } else {
            Cow::Owned(scope.without_admin_words())
        }
    }

    /// What its sessions lose when it becomes `next` and its tokens may no longer be for `audience`.
    pub fn rights_lost(&self, next: &Self, audience: Vec<String>) -> RightsLost {
        let lost = |grant| self.may_use(grant) && !next.may_use(grant);
        let disabled = self.disabled_at.is_none() && next.disabled_at.is_some();
        let no_passwords = self.first_party && !next.first_party;
        let rests_on = |grant: &Grant| grant.yields() != Yields::OwnToken;
        if disabled || no_passwords || Grant::ALL.into_iter().filter(rests_on).any(lost) {
            return RightsLost::All;
        }
        let scope = self.entitled(&self.scope).difference(&next.entitled(&next.scope));
        RightsLost::Part { scope, audience }
    }

    /// Whether the tokens that it has for itself, without a session, may say more than it may have as `next`, whose tokens may no
    /// longer be for `audience`, or are called otherwise than `next` calls its tokens.
    pub fn own_tokens_outgrow(&self, next: &Self, audience: &[String]) -> bool {
        let disabled = self.disabled_at.is_none() && next.disabled_at.is_some();
        // Refused while it is registered so, they must not live again when it is changed once more.
        let disowned = self.token_typ == TokenTyp::Jwt && next.token_typ == TokenTyp::AccessToken;
        let loses_scope = !self.entitled(&self.scope).is_subset(&next.entitled(&next.scope));
        let narrowed = !next.may_use(Grant::ClientCredentials) || loses_scope || !audience.is_empty();
        disabled || disowned || (self.may_use(Grant::ClientCredentials) && narrowed)
    }

    /// Whether so many audiences still leave room for all else that an access token says.
    pub fn audiences_fit(audience: &[String]) -> bool {
        serde_json::json!(audience).to_string().len() <= Self::MAX_AUDIENCE_BYTES
    }

    /// Whether its registration has `grant`.
    pub fn may_use(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }

    /// Refuses a grant that its registration lacks, or that isn't for clients such as this one.
    pub fn require_grant(&self, grant: Grant) -> Result<(), MayNotUse> {
        match grant.clients() {
            Clients::FirstParty if !self.first_party => Err(MayNotUse::ThirdParty(grant)),
            Clients::Confidential if self.is_public() => Err(MayNotUse::Public(grant)),
            _ if !self.may_use(grant) => Err(MayNotUse::Unregistered(grant)),
            Clients::Everybody | Clients::FirstParty | Clients::Confidential => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_never_a_uuid() {
        assert!("app".parse::<ClientId>().is_ok());
        assert!("a:b c%".parse::<ClientId>().is_ok());
        assert_eq!(" app\r\n".parse::<ClientId>(), "app".parse());
        for text in [
            "",
            " ",
            "é",
            "a\nb",
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "67E5504410B1426F9247BB680E5FE0C8",
            "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
        ] {
            assert_eq!(text.parse::<ClientId>(), Err(InvalidClientId), "{text:?}");
        }
        assert!("a".repeat(128).parse::<ClientId>().is_ok());
        assert!("a".repeat(129).parse::<ClientId>().is_err());
    }

    #[test]
    fn a_grant_needs_its_registration_and_the_right_kind_of_client() {
        let secret = ClientAuthentication::Secret(SecretHash::of(b""));
        let all = Client {
            grants: Grants::from(Grant::ALL),
            first_party: true,
            ..Client::without_rights("c".parse().unwrap(), secret, 0)
        };
        let third_party = Client { first_party: false, ..all.clone() };
        let public = Client { authentication: ClientAuthentication::Public, ..all.clone() };
        let none = Client { grants: Grants::new(), ..all.clone() };
        for grant in Grant::ALL {
            assert_eq!(all.require_grant(grant), Ok(()));
            assert_eq!(none.require_grant(grant), Err(MayNotUse::Unregistered(grant)));
        }
        let (password, own) = (Grant::Password, Grant::ClientCredentials);
        assert_eq!(third_party.require_grant(password), Err(MayNotUse::ThirdParty(password)));
        assert_eq!((public.require_grant(password), public.require_grant(own)), (Ok(()), Err(MayNotUse::Public(own))));
    }

    #[test]
    fn only_an_administrator_is_entitled_to_admin_words() {
        let secret = ClientAuthentication::Secret(SecretHash::of(b""));
        let mut client = Client::without_rights("c".parse().unwrap(), secret, 0);
        client.scope = "read admin:users".parse().unwrap();
        client.grants = Grants::from([Grant::ClientCredentials]);
        let admin = Client { admin: true, ..client.clone() };
        assert_eq!(*client.entitled(&client.scope), "read".parse().unwrap());
        assert_eq!(*admin.entitled(&client.scope), client.scope);
        let lost = RightsLost::Part { scope: "admin:users".parse().unwrap(), audience: Vec::new() };
        assert_eq!(admin.rights_lost(&client, Vec::new()), lost);
        assert!(admin.own_tokens_outgrow(&client, &[]) && !client.own_tokens_outgrow(&admin, &[]));
        let public = Client { authentication: ClientAuthentication::Public, ..admin };
        assert_eq!(*public.entitled(&public.scope), "read".parse().unwrap());
    }
}
