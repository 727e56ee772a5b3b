//! What a registration may be. Pure: the server would refuse or ignore what is refused or noted here.

use crate::admin::Error;
use crate::domain::{Client, Clients, Grant, Scope, Yields};

/// Refuses a registration that breaks a rule.
pub(super) fn require(client: &Client) -> Result<(), Error> {
    client.grants.iter().try_for_each(|grant| require_for(*grant, client))?;
    let introspects = client.scope.contains(Scope::INTROSPECT);
    let rules = [
        (client.may_introspect && client.is_public(), "--may-introspect needs a confidential client"),
        (introspects && client.is_public(), "the scope introspect needs a confidential client"),
        (client.admin && client.is_public(), "--admin needs a confidential client"),
        (client.scope.has_admin_words() && !client.admin, "a scope that begins with admin: needs --admin"),
        (!Client::audiences_fit(&client.audience), "the audiences of a client take at most 2048 bytes of JSON"),
    ];
    let broken = rules.into_iter().find(|(broken, _)| *broken);
    broken.map_or(Ok(()), |(_, reason)| Err(Error::invalid(reason)))
}

/// A grant is for certain clients only.
fn require_for(grant: Grant, client: &Client) -> Result<(), Error> {
    let needs = match grant.clients() {
        Clients::FirstParty if !client.first_party => "--first-party",
        Clients::Confidential if client.is_public() => "a confidential client",
        Clients::Everybody | Clients::FirstParty | Clients::Confidential => return Ok(()),
    };
    Err(Error::invalid(format!("the {grant} grant needs {needs}")))
}

/// What a registration seems to give and doesn't: one of another version may have it.
pub(crate) fn without_effect(client: &Client) -> impl Iterator<Item = &'static str> {
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
pub(super) fn notes(client: &Client) -> Vec<String> {
    let with = |what: fn(Grant) -> bool| client.grants.iter().copied().find(|grant| what(*grant));
    let refreshes = with(|grant| grant.yields() == Yields::NextTokens);
    let mut notes = Vec::new();
    if let (Some(grant), None) = (refreshes, with(|grant| grant.yields() == Yields::Session)) {
        notes.push(format!("the {grant} grant is of no use yet: no other grant of this client yields a refresh token"));
    }
    if client.first_party && with(is_for_first_party).is_none() {
        let grants: Vec<_> =
            Grant::ALL.into_iter().filter(|grant| is_for_first_party(*grant)).map(Grant::as_str).collect();
        notes.push(format!("--first-party is of no use yet without the {} grant", grants.join(" or ")));
    }
    if !client.serves.is_empty() && !client.may_introspect {
        notes.push("--serves is of no use yet without --may-introspect".to_owned());
    }
    if client.is_public() && !client.rotation && refreshes.is_some() {
        notes.push("the refresh tokens of a public client should rotate (RFC 9700 section 2.2.2)".to_owned());
    }
    notes.extend(without_effect(client).map(str::to_owned));
    notes
}

/// Whether only the operator's own apps may use a grant.
pub(crate) fn is_for_first_party(grant: Grant) -> bool {
    grant.clients() == Clients::FirstParty
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

    fn refusal(client: &Client) -> String {
        require(client).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn a_public_client_proves_nothing_and_so_gets_nothing_that_needs_proof() {
        for (wrong, word) in [
            (client(false, &[Grant::ClientCredentials], |_| {}), "client_credentials"),
            (client(false, &[], |client| client.may_introspect = true), "--may-introspect"),
            (client(false, &[], |client| client.scope = "introspect read".parse().unwrap()), "introspect"),
            (client(false, &[], |client| client.admin = true), "--admin"),
        ] {
            assert!(refusal(&wrong).contains(word), "{wrong:?}");
            let authentication = ClientAuthentication::Secret(SecretHash::of(b"x"));
            assert_eq!(refusal(&Client { authentication, ..wrong }), "");
        }
    }

    #[test]
    fn only_a_first_party_client_uses_passwords() {
        let wrong = client(true, &[Grant::Password], |_| {});
        assert!(refusal(&wrong).contains("--first-party"));
        assert_eq!(refusal(&Client { first_party: true, ..wrong }), "");
        assert_eq!(refusal(&client(false, &[], |client| client.first_party = true)), "", "what for is open");
    }

    #[test]
    fn audiences_are_bounded() {
        let of_length = |length: usize| client(false, &[], |client| client.audience = vec!["a".repeat(length)]);
        assert_eq!(refusal(&of_length(Client::MAX_AUDIENCE_BYTES - 4)), "", "two quotes and two brackets");
        assert!(refusal(&of_length(Client::MAX_AUDIENCE_BYTES - 3)).contains("2048 bytes"));
    }

    #[test]
    fn what_can_not_be_used_is_noted() {
        let said = |client: &Client| notes(client).join("\n");
        let app = client(false, &[Grant::Password, Grant::RefreshToken], |client| client.first_party = true);
        assert_eq!(said(&app), "");
        assert!(said(&Client { rotation: false, ..app.clone() }).contains("rotate"));
        assert!(said(&Client { grants: Grants::from([Grant::RefreshToken]), ..app }).contains("refresh_token"));
        let api = client(true, &[], |client| client.serves = vec!["a".to_owned()]);
        assert!(said(&api).contains("--serves"));
        assert_eq!(said(&Client { may_introspect: true, ..api }), "");
    }
}
