//! What an access token grants: RFC 6749 §3.3, and §6 for a refresh. Never more than is registered, nor than was granted.

use std::borrow::Cow;

use super::refusal::Refusal;
use crate::domain::{Client, Grant, Scope};

/// The scope of a sign-in, or of a client's own token. Asked for none, a client gets all that it may have, but no administrator's
/// words: those are named.
pub fn requested(asked: Option<&str>, client: &Client) -> Result<Scope, Refusal> {
    match parsed(asked)? {
        Some(asked) => within(&asked, &client.entitled(&client.scope), client),
        None => Ok(client.scope.without_admin_words()),
    }
}

/// The scope of a refresh. What it narrows is the access token only.
pub fn refreshed<'a>(asked: Option<&str>, session: &'a Scope, client: &Client) -> Result<Cow<'a, Scope>, Refusal> {
    let granted = client.entitled(session);
    match parsed(asked)? {
        Some(asked) => within(&asked, &granted, client).map(Cow::Owned),
        None => Ok(granted),
    }
}

/// A scope without words is one that was not asked for.
fn parsed(asked: Option<&str>) -> Result<Option<Scope>, Refusal> {
    let Some(asked) = asked else { return Ok(None) };
    let asked: Scope = asked.parse().map_err(|_| Refusal::InvalidScope)?;
    Ok(Some(asked).filter(|asked| !asked.is_empty()))
}

/// `asked`, if it is all allowed. A client that refreshes has what `offline_access` asks for anyhow, and many ask always: where it
/// is not allowed, it is ignored (OpenID Connect Core §11).
fn within(asked: &Scope, allowed: &Scope, client: &Client) -> Result<Scope, Refusal> {
    let is_ignored = client.may_use(Grant::RefreshToken) && !allowed.contains(Scope::OFFLINE_ACCESS);
    let asked = if is_ignored { asked.without(Scope::OFFLINE_ACCESS) } else { asked.clone() };
    if asked.is_subset(allowed) { Ok(asked) } else { Err(Refusal::InvalidScope) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ClientAuthentication, Grants, SecretHash};

    fn client(grants: &[Grant], scope: &str, admin: bool) -> Client {
        let secret = ClientAuthentication::Secret(SecretHash::of(b""));
        let grants = grants.iter().copied().collect::<Grants>();
        let bare = Client::without_rights("c".parse().unwrap(), secret, 0);
        Client { grants, scope: scope.parse().unwrap(), admin, ..bare }
    }

    fn asked(text: &str, client: &Client) -> Option<String> {
        requested(Some(text), client).ok().map(|scope| scope.to_string())
    }

    #[test]
    fn a_scope_keeps_the_order_in_which_it_was_asked_for() {
        let client = client(&[], "a b c", false);
        assert_eq!(asked("c a", &client).as_deref(), Some("c a"));
        assert_eq!(asked(" ", &client).as_deref(), Some("a b c"));
        assert_eq!(requested(None, &client).unwrap().to_string(), "a b c");
        assert_eq!(asked("a d", &client), None);
    }

    #[test]
    fn offline_access_is_ignored_for_a_client_that_refreshes() {
        let refreshing = client(&[Grant::RefreshToken], "a b", false);
        assert_eq!(asked("b offline_access a", &refreshing).as_deref(), Some("b a"));
        assert_eq!(asked("offline_access", &refreshing).as_deref(), Some(""), "never more than was named");
        assert_eq!(asked("offline_access c", &refreshing), None);
        assert_eq!(asked("a offline_access", &client(&[], "a b", false)), None);
        let registered = client(&[Grant::RefreshToken], "offline_access a", false);
        assert_eq!(asked("a offline_access", &registered).as_deref(), Some("a offline_access"));
        let old = "a".parse().unwrap();
        assert_eq!(refreshed(Some("a offline_access"), &old, &registered).unwrap().to_string(), "a");
    }

    #[test]
    fn an_administrators_words_are_named_and_an_administrators() {
        let (admin, other) = (client(&[], "admin:users read", true), client(&[], "admin:users read", false));
        assert_eq!(requested(None, &admin).unwrap().to_string(), "read");
        assert_eq!(asked("read admin:users", &admin).as_deref(), Some("read admin:users"));
        assert_eq!(asked("read admin:users", &other), None);
        let session = "read admin:users".parse().unwrap();
        assert_eq!(refreshed(None, &session, &admin).unwrap().to_string(), "read admin:users");
        assert_eq!(refreshed(None, &session, &other).unwrap().to_string(), "read");
        assert!(refreshed(Some("admin:users"), &session, &other).is_err());
    }
}
