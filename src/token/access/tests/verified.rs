//! What is remembered of a token is that its signature is good, and nothing that time or a retired key could change.

use super::*;

fn remembered(verified: &VerifiedTokens, token: &str, ring: &KeyRing, now: UnixTime) -> Result<(), InvalidAccessToken> {
    verified.verify(token, ring, now).map(drop)
}

#[test]
fn a_remembered_token_expires_all_the_same() {
    let (ring, verified) = (ring(SigningAlgorithm::Es256), VerifiedTokens::new(ISSUER));
    let token = sign(&claims(), TokenTyp::AccessToken, signer(&ring)).unwrap();
    remembered(&verified, token.reveal(), &ring, NOW).unwrap();
    remembered(&verified, token.reveal(), &ring, NOW + LIFETIME - 1).unwrap();
    assert_eq!(remembered(&verified, token.reveal(), &ring, NOW + LIFETIME).unwrap_err(), InvalidAccessToken::Expired);
    let early = NOW - MAX_CLOCK_SKEW - 1;
    assert_eq!(remembered(&verified, token.reveal(), &ring, early).unwrap_err(), InvalidAccessToken::NotYetValid);
}

#[test]
fn a_remembered_token_dies_with_its_key() {
    let (first, other) = (ring(SigningAlgorithm::Es256), ring(SigningAlgorithm::Es256));
    let verified = VerifiedTokens::new(ISSUER);
    let token = sign(&claims(), TokenTyp::AccessToken, signer(&first)).unwrap();
    remembered(&verified, token.reveal(), &first, NOW).unwrap();
    assert_eq!(remembered(&verified, token.reveal(), &other, NOW).unwrap_err(), InvalidAccessToken::UnknownKey);
}

/// The payload is what is remembered, so the whole token has to be what it is remembered by.
#[test]
fn a_token_that_differs_in_any_byte_is_another_token() {
    let (ring, verified) = (ring(SigningAlgorithm::EdDsa), VerifiedTokens::new(ISSUER));
    let token = sign(&claims(), TokenTyp::AccessToken, signer(&ring)).unwrap();
    remembered(&verified, token.reveal(), &ring, NOW).unwrap();
    for at in 0..token.reveal().len() {
        let mut altered = token.reveal().as_bytes().to_vec();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(remembered(&verified, &altered, &ring, NOW).is_err(), "byte {at}");
    }
}

#[test]
fn what_is_remembered_is_bounded_in_bytes() {
    let (ring, verified) = (ring(SigningAlgorithm::EdDsa), VerifiedTokens::new(ISSUER));
    let extra: crate::domain::Claims = [("roles".to_owned(), json!("r".repeat(5_000)))].into_iter().collect();
    for jti in 0..4_000_u128 {
        let claims = AccessClaims { jti: uuid::Uuid::from_u128(jti), extra: extra.clone(), ..claims() };
        let token = sign(&claims, TokenTyp::AccessToken, signer(&ring)).unwrap();
        remembered(&verified, token.reveal(), &ring, NOW).unwrap();
    }
    let most = usize::try_from(VerifiedTokens::MAX_BYTES).unwrap() / 5_000;
    assert!((1_000..=most).contains(&verified.signed.len()), "{verified:?}");
}
