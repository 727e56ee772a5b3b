//! What a registration may be. Pure: the server would refuse or ignore what is refused or noted here.

use crate::domain::{Client, Grant, Scope};

/// Why `client` can't be registered like that.
pub fn refuse(client: &Client) -> Result<(), &'static str> {
    let rules = [
        (client.may_use(Grant::Password) && !client.first_party, "the password grant needs --first-party"),
        (
            client.may_use(Grant::ClientCredentials) && client.is_public(),
            "the client_credentials grant needs a confidential client",
        ),
        (client.may_introspect && client.is_public(), "--may-introspect needs a confidential client"),
        (
            client.scope.contains(Scope::INTROSPECT) && client.is_public(),
            "the scope introspect needs a confidential client",
        ),
        (client.admin && client.is_public(), "--admin needs a confidential client"),
        (client.scope.has_admin_words() && !client.admin, "a scope that begins with admin: needs --admin"),
        (!Client::audiences_fit(&client.audience), "the audiences of a client take at most 2048 bytes of JSON"),
    ];
    rules.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, rule)| Err(rule))
}

/// What a registration seems to give and doesn't: one of another version may have it.
pub fn without_effect(client: &Client) -> impl Iterator<Item = &'static str> {
    let notes = [
        (
            client.scope.contains(Scope::INTROSPECT) && !client.may_introspect,
            "the scope introspect gives no right without --may-introspect",
        ),
        (
            client.scope.has_admin_words() && !client.is_admin(),
            "a scope that begins with admin: is not granted without --admin",
        ),
    ];
    notes.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note)
}

/// What is allowed, but hardly meant.
pub fn notes(client: &Client) -> impl Iterator<Item = &'static str> {
    let begins_sessions = client.may_use(Grant::Password);
    let notes = [
        (
            client.may_use(Grant::RefreshToken) && !begins_sessions,
            "the refresh_token grant is of no use yet: no other grant of this client yields a refresh token",
        ),
        (client.first_party && !begins_sessions, "--first-party is of no use yet without the password grant"),
        (!client.serves.is_empty() && !client.may_introspect, "--serves is of no use yet without --may-introspect"),
        (
            client.is_public() && !client.rotation && client.may_use(Grant::RefreshToken),
            "the refresh tokens of a public client should rotate (RFC 9700 section 2.2.2)",
        ),
    ];
    notes.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note).chain(without_effect(client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ClientAuthentication, Grants, SecretHash};

    fn client(confidential: bool, grants: &[Grant], change: impl FnOnce(&mut Client)) -> Client {
        let authentication = if confidential {
            ClientAuthentication::Secret(SecretHash::of(b"x"))
        } else {
            ClientAuthentication::Public
        };
        let mut client = Client::without_rights("a".parse().unwrap(), authentication, 0);
        client.grants = grants.iter().copied().collect();
        change(&mut client);
        client
    }

    #[test]
    fn a_public_client_proves_nothing_and_so_gets_nothing_that_needs_proof() {
        for (wrong, word) in [
            (client(false, &[Grant::ClientCredentials], |_| {}), "client_credentials"),
            (client(false, &[], |client| client.may_introspect = true), "--may-introspect"),
            (client(false, &[], |client| client.scope = "introspect read".parse().unwrap()), "introspect"),
            (client(false, &[], |client| client.admin = true), "--admin"),
        ] {
            assert!(refuse(&wrong).unwrap_err().contains(word), "{wrong:?}");
            let authentication = ClientAuthentication::Secret(SecretHash::of(b"x"));
            assert_eq!(refuse(&Client { authentication, ..wrong }), Ok(()));
        }
    }

    #[test]
    fn only_a_first_party_client_uses_passwords() {
        let wrong = client(true, &[Grant::Password], |_| {});
        assert!(refuse(&wrong).unwrap_err().contains("--first-party"));
        assert_eq!(refuse(&Client { first_party: true, ..wrong }), Ok(()));
        assert_eq!(refuse(&client(false, &[], |client| client.first_party = true)), Ok(()), "what for is open");
    }

    #[test]
    fn audiences_are_bounded() {
        let of_length = |length: usize| client(false, &[], |client| client.audience = vec!["a".repeat(length)]);
        assert_eq!(refuse(&of_length(Client::MAX_AUDIENCE_BYTES - 4)), Ok(()), "two quotes and two brackets");
        assert!(refuse(&of_length(Client::MAX_AUDIENCE_BYTES - 3)).unwrap_err().contains("2048 bytes"));
    }

    #[test]
    fn what_can_not_be_used_is_noted() {
        let said = |client: &Client| notes(client).collect::<Vec<_>>().join("\n");
        let app = client(false, &[Grant::Password, Grant::RefreshToken], |client| client.first_party = true);
        assert_eq!(said(&app), "");
        assert!(said(&Client { rotation: false, ..app.clone() }).contains("rotate"));
        assert!(said(&Client { grants: Grants::from([Grant::RefreshToken]), ..app }).contains("refresh_token"));
        let api = client(true, &[], |client| client.serves = vec!["a".to_owned()]);
        assert!(said(&api).contains("--serves"));
        assert_eq!(said(&Client { may_introspect: true, ..api }), "");
    }
}
