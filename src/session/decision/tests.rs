//! Each reason once, and that nothing else keeps a token from living.

use uuid::Uuid;

use super::*;
use crate::domain::{ClientAuthentication, Grants, PlainSecret, Recovery, Scope, SessionId};

const NOW: UnixTime = 1_800_000_000;
const API: &str = "https://api.example.com";
const ISSUER: &str = "https://auth.example.com";

fn client() -> Client {
    let secret = ClientAuthentication::Secret(PlainSecret::generate().hash());
    Client {
        grants: Grants::from(Grant::ALL),
        scope: "openid read admin:users".parse().unwrap(),
        audience: vec![API.to_owned()],
        ..Client::without_rights("web".parse().unwrap(), secret, 0)
    }
}

fn claims(sub: &str, sid: Option<SessionId>) -> AccessClaims {
    AccessClaims {
        iss: ISSUER.to_owned(),
        sub: sub.to_owned(),
        aud: vec![API.to_owned(), ISSUER.to_owned()],
        exp: NOW + 900,
        iat: NOW,
        jti: Uuid::nil(),
        client_id: "web".parse().unwrap(),
        scope: "openid read".parse().unwrap(),
        sid,
        auth_time: None,
        extra: serde_json::Map::new(),
    }
}

const LIFE: SessionLife = SessionLife {
    created_at: NOW - 1000,
    last_used_at: NOW - 100,
    idle_expires_at: NOW + 1,
    expires_at: NOW + 1,
    is_revoked: false,
};

const POLICY: RefreshPolicy =
    RefreshPolicy { rotation: true, reuse_window: 10, recovery: Recovery::On, idle_lifetime: 0, absolute_lifetime: 0 };

/// Lives that are over, and why.
fn over() -> [(SessionLife, RefreshPolicy, Dead); 6] {
    [
        (SessionLife { is_revoked: true, ..LIFE }, POLICY, Dead::SessionEnded),
        (SessionLife { is_revoked: true, expires_at: NOW, ..LIFE }, POLICY, Dead::SessionEnded),
        (SessionLife { expires_at: NOW, ..LIFE }, POLICY, Dead::SessionExpired),
        (SessionLife { idle_expires_at: NOW, ..LIFE }, POLICY, Dead::SessionExpired),
        (LIFE, RefreshPolicy { idle_lifetime: 100, ..POLICY }, Dead::SessionExpired),
        (LIFE, RefreshPolicy { absolute_lifetime: 1000, ..POLICY }, Dead::SessionExpired),
    ]
}

#[test]
fn an_access_token_needs_its_client_and_the_clients_right_to_the_scope() {
    let (web, claims) = (client(), claims("web", None));
    assert_eq!(client_of(Some(&web), &claims).map(|client| client.id.clone()), Ok(web.id.clone()));
    assert_eq!(client_of(None, &claims).map(drop), Err(Dead::NoClient));
    let admins = AccessClaims { scope: "read admin:users".parse().unwrap(), ..claims };
    assert_eq!(client_of(Some(&web), &admins).map(drop), Err(Dead::NotEntitled));
    let admin = Client { admin: true, ..web };
    assert!(client_of(Some(&admin), &admins).is_ok());
}

#[test]
fn a_clients_own_token_is_one_that_it_could_get_today() {
    let (web, own) = (client(), claims("web", None));
    assert!(may_still_have(&web, &own, ISSUER));
    assert!(may_still_have(&Client { audience: Vec::new(), ..web.clone() }, &own, ISSUER));
    for (lost, claims) in [
        (web.clone(), AccessClaims { sub: "orders".to_owned(), ..own.clone() }),
        (Client { grants: Grants::from([Grant::Password]), ..web.clone() }, own.clone()),
        (Client { scope: "openid".parse().unwrap(), ..web.clone() }, own.clone()),
        (Client { audience: vec!["https://other.example.com".to_owned()], ..web }, own),
    ] {
        assert!(!may_still_have(&lost, &claims, ISSUER), "{lost:?} {claims:?}");
    }
}

#[test]
fn an_access_token_of_a_session_has_one_reason_to_be_dead() {
    let (alice, bob) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
    let claims = claims(&alice.to_string(), Some(SessionId(Uuid::from_u128(3))));
    let facts =
        SessionFacts { client_id: "web", user_id: alice, user_is_disabled: false, token_revoked: false, life: LIFE };
    for (facts, judged) in [
        (facts, Ok(())),
        (SessionFacts { client_id: "app", ..facts }, Err(Dead::OtherSession)),
        (SessionFacts { user_id: bob, ..facts }, Err(Dead::OtherSession)),
        (SessionFacts { token_revoked: true, ..facts }, Err(Dead::TokenRevoked)),
        (SessionFacts { user_is_disabled: true, ..facts }, Err(Dead::UserDisabled)),
    ] {
        assert_eq!(judge_session(&claims, &facts, NOW, &POLICY), judged, "{facts:?}");
    }
    for (life, policy, dead) in over() {
        assert_eq!(judge_session(&claims, &SessionFacts { life, ..facts }, NOW, &policy), Err(dead), "{life:?}");
    }
}

#[test]
fn a_session_lives_until_it_is_ended_or_expires() {
    assert_eq!(judge_life(LIFE, NOW, &POLICY), Ok(()));
    for (life, policy, dead) in over() {
        assert_eq!(judge_life(life, NOW, &policy), Err(dead), "{life:?}");
    }
}

#[test]
fn a_refresh_token_lives_if_presenting_it_would_yield_another() {
    for (verdict, derivable, judged) in [
        (Verdict::Rotate, false, Ok(())),
        (Verdict::Unrotated, false, Ok(())),
        (Verdict::Recover, false, Ok(())),
        (Verdict::Replay, true, Ok(())),
        (Verdict::Replay, false, Err(Dead::Underivable)),
        (Verdict::Reuse, true, Err(Dead::Reuse)),
        (Verdict::Ahead, true, Err(Dead::Ahead)),
    ] {
        assert_eq!(judge_verdict(verdict, || derivable), judged, "{verdict:?}");
    }
}

#[test]
fn an_endpoint_of_ours_asks_for_its_scope_and_then_for_itself() {
    let claims = claims("web", None);
    assert_eq!(fit(&claims, Scope::OPENID, ISSUER), Ok(()));
    assert_eq!(fit(&claims, Scope::INTROSPECT, ISSUER), Err(Unfit::Scope));
    assert_eq!(fit(&claims, Scope::OPENID, "https://other.example.com"), Err(Unfit::Audience));
    assert_eq!(fit(&claims, Scope::INTROSPECT, "https://other.example.com"), Err(Unfit::Scope));
}
