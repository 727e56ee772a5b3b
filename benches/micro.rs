//! What one request computes, piece by piece, without network and database. A number here is worth an optimisation only if
//! the service benchmark notices it.
#![expect(clippy::unwrap_used, reason = "what is measured here is made here, and known to be right")]

use divan::{Bencher, black_box};
use tokend::clock::NEVER;
use tokend::domain::{
    Device, Exchange, PlainSecret, Recovery, RefreshPolicy, Session, SessionId, SigningAlgorithm, TokenTyp, UserId,
};
use tokend::keys::{KeyRing, SigningKey};
use tokend::token::access::{self, AccessClaims, VerifiedTokens};
use tokend::token::judge::{Presented, judge};
use tokend::token::refresh::{RefreshKey, RefreshKeys, RefreshToken};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://auth.example.com";
const POLICY: RefreshPolicy =
    RefreshPolicy { rotation: true, reuse_window: 10, recovery: Recovery::On, idle_lifetime: 0, absolute_lifetime: 0 };

fn main() {
    divan::main();
}

/// Form and tag.
#[divan::bench]
fn refresh_token_parse(bencher: Bencher) {
    let (keys, text, _) = signed_in();
    bencher.bench(|| keys.open(black_box(text.reveal())).unwrap());
}

/// From the text to the verdict.
#[divan::bench]
fn refresh_token_parse_and_judge(bencher: Bencher) {
    let (keys, text, session) = signed_in();
    bencher.bench(|| {
        let token = keys.open(black_box(text.reveal())).unwrap();
        let presented = Presented::new(&token, text.hash());
        judge(&presented, black_box(&session), NOW, &POLICY)
    });
}

/// From the text to what is stored and answered, which is all of a refresh but the access token.
#[divan::bench]
fn refresh_token_exchange(bencher: Bencher) {
    let (keys, text, session) = signed_in();
    bencher.bench(|| {
        let token = keys.open(black_box(text.reveal())).unwrap();
        let presented = Presented::new(&token, text.hash());
        Exchange::plan(&keys, &token, &presented, black_box(&session), NOW, &POLICY)
    });
}

/// The keys, a refresh token and its session.
fn signed_in() -> (RefreshKeys, PlainSecret, Session) {
    let keys = RefreshKeys::new(RefreshKey::new(1, &[2; 32], &[3; 32]), Vec::new());
    let token = RefreshToken::first(SessionId::generate(NOW), NOW, tokend::random::bytes());
    let text = keys.seal(&token);
    let session = Session {
        id: token.session_id,
        user_id: UserId::generate(),
        client_id: "app".parse().unwrap(),
        scope: "openid profile email".parse().unwrap(),
        audience: vec![ISSUER.to_owned()],
        generation: 1,
        current_hash: text.hash(),
        parent_hash: None,
        rotated_at: NOW,
        anchor: None,
        grant_type: "password".to_owned(),
        amr: vec!["pwd".to_owned()],
        created_at: NOW,
        auth_time: NOW,
        last_used_at: NOW,
        idle_expires_at: NEVER,
        expires_at: NEVER,
        revoked: None,
        device: Device::default(),
    };
    (keys, text, session)
}

#[divan::bench(args = SigningAlgorithm::ALL)]
fn access_token_sign(bencher: Bencher, algorithm: SigningAlgorithm) {
    let (claims, key) = (claims(), key(algorithm));
    bencher.bench(|| access::sign(black_box(&claims), TokenTyp::AccessToken, &key).unwrap());
}

#[divan::bench(args = SigningAlgorithm::ALL)]
fn access_token_verify(bencher: Bencher, algorithm: SigningAlgorithm) {
    let key = key(algorithm);
    let token = access::sign(&claims(), TokenTyp::AccessToken, &key).unwrap();
    let ring = KeyRing::new(vec![key]);
    bencher
        .with_inputs(|| VerifiedTokens::new(ISSUER))
        .bench_refs(|verified| verified.verify(black_box(token.reveal()), &ring, NOW).unwrap());
}

/// A token that was seen before, as most are.
#[divan::bench]
fn access_token_verify_again(bencher: Bencher) {
    let key = key(SigningAlgorithm::Es256);
    let token = access::sign(&claims(), TokenTyp::AccessToken, &key).unwrap();
    let (ring, verified) = (KeyRing::new(vec![key]), VerifiedTokens::new(ISSUER));
    bencher.bench(|| verified.verify(black_box(token.reveal()), &ring, NOW).unwrap());
}

fn key(algorithm: SigningAlgorithm) -> SigningKey {
    SigningKey::generate(algorithm, NOW, 0).unwrap()
}

fn claims() -> AccessClaims {
    AccessClaims {
        iss: ISSUER.to_owned(),
        sub: UserId::generate().to_string(),
        aud: vec!["https://api.example.com".to_owned(), ISSUER.to_owned()],
        exp: NOW + 900,
        iat: NOW,
        jti: SessionId::generate(NOW).0,
        client_id: "app".parse().unwrap(),
        scope: "openid profile email".parse().unwrap(),
        sid: Some(SessionId::generate(NOW)),
        auth_time: Some(NOW),
        extra: serde_json::from_str(r#"{"roles":["member"]}"#).unwrap(),
    }
}
