//! A session's row, user and client as values: what each token of it means.

use uuid::Uuid;

use super::*;
use crate::domain::{ClientAuthentication, Device, Grants, Profile, Recovery, Revocation, RevokedReason, UserId};
use crate::token::refresh::RefreshKey;

const NOW: UnixTime = 1_800_000_000;

const POLICY: RefreshPolicy = RefreshPolicy {
    rotation: true,
    reuse_window: 10,
    recovery: Recovery::On,
    idle_lifetime: 100,
    absolute_lifetime: 1000,
};

fn keys() -> RefreshKeys {
    RefreshKeys::new(RefreshKey::new(1, &[1; 32], &[2; 32]), Vec::new())
}

fn token() -> ParsedRefreshToken {
    let id = SessionId(Uuid::from_u128(7));
    let text = keys().seal(&RefreshToken::first(id, NOW, [3; 32]));
    ParsedRefreshToken::parse(&keys(), text.reveal()).unwrap()
}

fn client() -> Client {
    let grants = Grants::from([Grant::RefreshToken]);
    Client { grants, ..Client::without_rights("web".parse().unwrap(), ClientAuthentication::Public, 0) }
}

fn user() -> User {
    User {
        id: UserId(Uuid::from_u128(1)),
        username: "alice".parse().unwrap(),
        profile: Profile::default(),
        credentials_version: 1,
        created_at: 0,
        disabled_at: None,
    }
}

fn session() -> Session {
    Session {
        id: SessionId(Uuid::from_u128(7)),
        user_id: user().id,
        client_id: client().id,
        scope: "read".parse().unwrap(),
        audience: Vec::new(),
        generation: 1,
        current_hash: token().presented.hash,
        parent_hash: None,
        rotated_at: NOW,
        anchor: None,
        grant_type: Grant::Password.to_string(),
        amr: vec!["pwd".to_owned()],
        created_at: NOW,
        auth_time: NOW,
        last_used_at: NOW,
        idle_expires_at: NOW + 100,
        expires_at: NOW + 1000,
        revoked: None,
        device: Device::default(),
    }
}

fn found(session: Session, user: User, client: Option<Client>, now: UnixTime) -> PresentedSession {
    let client = client.map(|client| (Arc::new(client), POLICY));
    PresentedSession { signed_in: SignedIn { session, user }, client, now }
}

#[test]
fn the_current_token_of_a_living_session_is_rotated() {
    let found = found(session(), user(), Some(client()), NOW + 50);
    assert_eq!((found.state(), found.refreshable()), (Ok(()), Ok(())));
    assert_eq!((found.verdict(&token()), found.ends_at()), (Ok(Verdict::Rotate), Ok(NOW + 100)));
}

#[test]
fn the_client_is_asked_before_the_user_and_the_user_before_the_time() {
    let disabled = || User { disabled_at: Some(NOW), ..user() };
    let revoked = Revocation { at: NOW, reason: RevokedReason::Logout };
    let ended = || Session { revoked: Some(revoked), ..session() };
    let no_grant = Client { grants: Grants::new(), ..client() };
    for (found, state, refreshable) in [
        (found(ended(), disabled(), None, NOW), Dead::NoClient, Dead::NoClient),
        (found(ended(), disabled(), Some(no_grant), NOW), Dead::UserDisabled, Dead::NoGrant),
        (found(ended(), disabled(), Some(client()), NOW), Dead::UserDisabled, Dead::UserDisabled),
        (found(ended(), user(), Some(client()), NOW), Dead::SessionEnded, Dead::SessionEnded),
        (found(session(), user(), Some(client()), NOW + 100), Dead::SessionExpired, Dead::SessionExpired),
    ] {
        assert_eq!((found.state(), found.refreshable()), (Err(state), Err(refreshable)), "{found:?}");
    }
}

#[test]
fn a_session_has_a_verdict_only_with_its_client() {
    assert_eq!(found(session(), user(), None, NOW).verdict(&token()), Err(Dead::NoClient));
    assert!(!found(session(), user(), None, NOW).has_not_ended());
    let disabled = User { disabled_at: Some(NOW), ..user() };
    assert!(found(session(), disabled, Some(client()), NOW).has_not_ended(), "it is the user that isn't there");
}
