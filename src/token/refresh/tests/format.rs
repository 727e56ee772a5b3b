//! What is a refresh token of ours, bit by bit.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::super::{InvalidToken, RefreshKey, RefreshKeys, RefreshToken};
use crate::domain::{SecretHash, SessionId};
use crate::token::fixture::{SESSION, first_token, key, keys};

/// Made by another implementation of HMAC-SHA256, from keys of the bytes 0 to 31 and 32 to 63 and a first secret of the
/// bytes 64 to 95. If these change, every token that is out there is dead.
const FIRST: &str = "tkr_AQcBmPOgwAB6vI3vASNFZ4mrAAAAAAAAAAEAAAAAaKpvAEBBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fVpqGexQr0nDEnt3jViFnAQ";
const SECOND: &str = "tkr_AQcBmPOgwAB6vI3vASNFZ4mrAAAAAAAAAAIAAAAAaKpyhIuqcf2K0ME4Nd9K6dFPWvtjyLnFqwP8P4OGBgs3kpcfKeKBf1B0Clez86CiC0sRVQ";
const SECOND_HASH: [u8; 4] = [0x25, 0xbb, 0x29, 0x13];

fn counting_from(first: u8) -> [u8; 32] {
    std::array::from_fn(|at| first + u8::try_from(at).unwrap())
}

fn known_keys() -> RefreshKeys {
    RefreshKeys::new(RefreshKey::new(7, &counting_from(0), &counting_from(32)), Vec::new())
}

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.strip_prefix("tkr_").unwrap()).unwrap()
}

fn refused(text: &str) -> InvalidToken {
    known_keys().open(text).expect_err(text)
}

#[test]
fn tokens_are_made_as_they_always_were() {
    let keys = known_keys();
    let first = RefreshToken::first(SESSION, 1_756_000_000, counting_from(64));
    assert_eq!(keys.seal(&first).reveal(), FIRST);

    let second = keys.seal(&keys.successor(&first, 2, 1_756_000_900));
    assert_eq!(second.reveal(), SECOND);
    assert!(second.hash().as_bytes().starts_with(&SECOND_HASH));
}

#[test]
fn what_was_sealed_opens() {
    let token = known_keys().open(SECOND).unwrap();
    assert_eq!((token.session_id, token.generation, token.issued_at), (SESSION, 2, 1_756_000_900));
    assert_eq!(known_keys().seal(&token).reveal(), SECOND);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let genuine = bytes(FIRST);
    assert_eq!(genuine.len(), 82);
    for bit in 0..genuine.len() * 8 {
        let mut forged = genuine.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let expected = if bit < 8 { InvalidToken::Malformed } else { InvalidToken::WrongTag };
        assert_eq!(refused(&format!("tkr_{}", URL_SAFE_NO_PAD.encode(forged))), expected, "bit {bit}");
    }
}

#[test]
fn every_other_length_is_malformed() {
    for length in 0..FIRST.len() {
        assert_eq!(refused(&FIRST[..length]), InvalidToken::Malformed, "{length}");
        assert_eq!(refused(&FIRST[length + 1..]), InvalidToken::Malformed, "without the first {}", length + 1);
    }
    for more in ["A", "=", "==", " ", "\n", "\0", "AAAA", "é"] {
        assert_eq!(refused(&format!("{FIRST}{more}")), InvalidToken::Malformed, "{more:?}");
        assert_eq!(refused(&format!("{more}{FIRST}")), InvalidToken::Malformed, "{more:?}");
    }
    assert_eq!(refused(&".".repeat(1_000_000)), InvalidToken::Malformed);
}

#[test]
fn only_the_url_safe_alphabet_counts() {
    for at in 0..FIRST.len() {
        for other in ["=", "+", "/", ".", " ", "\n", "\0", "%"] {
            let mut text = FIRST.to_owned();
            text.replace_range(at..=at, other);
            assert_eq!(refused(&text), InvalidToken::Malformed, "{other:?} at {at}");
        }
    }
    let mut text = FIRST.to_owned();
    text.replace_range(20..22, "é");
    assert_eq!(refused(&text), InvalidToken::Malformed, "two bytes of one character");
    for prefix in ["TKR_", "tkr-", "tka_", "xkr_"] {
        assert_eq!(refused(&FIRST.replace("tkr_", prefix)), InvalidToken::Malformed, "{prefix}");
    }
    let dashed = bytes(SECOND);
    let padded = format!("tkr_{}=", &URL_SAFE_NO_PAD.encode(&dashed)[..109]);
    assert_eq!((padded.len(), refused(&padded)), (FIRST.len(), InvalidToken::Malformed));
    let standard = STANDARD_NO_PAD.encode([&[1, 7], &[0xff; 80][..]].concat());
    assert_eq!(refused(&format!("tkr_{standard}")), InvalidToken::Malformed);
}

#[test]
fn a_token_has_one_text_only() {
    // The last character carries two bits of the last byte; the other four have to be zero.
    let same_byte = ["Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z", "a", "b", "c", "d", "e", "f"];
    assert!(FIRST.ends_with(same_byte[0]));
    for last in &same_byte[1..] {
        assert_eq!(refused(&format!("{}{last}", &FIRST[..FIRST.len() - 1])), InvalidToken::Malformed, "{last}");
    }
}

#[test]
fn a_negative_number_is_malformed_whoever_sealed_it() {
    let keys = keys();
    for (generation, issued_at) in [(-1, 0), (0, -1), (i64::MIN, i64::MAX)] {
        let text = keys.seal(&keys.successor(&first_token(0), generation, issued_at));
        assert_eq!(keys.open(text.reveal()).unwrap_err(), InvalidToken::Malformed);
    }
    for (generation, issued_at) in [(0, 0), (i64::MAX, i64::MAX)] {
        let text = keys.seal(&keys.successor(&first_token(0), generation, issued_at));
        let token = keys.open(text.reveal()).unwrap();
        assert_eq!((token.generation, token.issued_at), (generation, issued_at));
    }
}

#[test]
fn a_retired_key_is_believed_while_it_is_configured() {
    let token = first_token(5);
    let old = RefreshKeys::new(key(1, 10), Vec::new()).seal(&token);
    for (others, expected) in [(vec![key(1, 10)], true), (vec![key(2, 10)], false), (vec![key(1, 30)], false)] {
        let rotated = RefreshKeys::new(key(3, 20), others);
        assert_eq!(rotated.open(old.reveal()).is_ok(), expected);
        assert_eq!(rotated.open(rotated.seal(&token).reveal()).unwrap().issued_at, 5, "the first one seals");
        assert_eq!(keys().open(rotated.seal(&token).reveal()).unwrap_err(), InvalidToken::WrongTag);
    }
}

#[test]
fn two_keys_may_share_an_id() {
    let both = RefreshKeys::new(key(1, 20), vec![key(1, 10)]);
    assert!(both.open(keys().seal(&first_token(5)).reveal()).is_ok());
    assert!(both.open(both.seal(&first_token(5)).reveal()).is_ok());
}

#[test]
fn the_ratchet_is_a_function_of_session_secret_and_key() {
    let (keys, token) = (keys(), first_token(5));
    let next = |keys: &RefreshKeys, token: &RefreshToken| keys.seal(&keys.successor(token, 2, 9)).hash();
    assert_eq!(next(&keys, &token), next(&keys.clone(), &first_token(70)), "not of when or how often");

    let elsewhere = RefreshToken::first(SessionId(Uuid::from_u128(2)), 5, [3; 32]);
    let secret = |keys: &RefreshKeys, token: &RefreshToken| keys.successor(token, 2, 9).secret;
    assert_ne!(secret(&keys, &token), secret(&keys, &elsewhere));
    assert_ne!(secret(&keys, &token), secret(&keys, &RefreshToken::first(SESSION, 5, [4; 32])));
    assert_ne!(secret(&keys, &token), secret(&RefreshKeys::new(key(1, 20), Vec::new()), &token));
    assert_ne!(secret(&keys, &token), token.secret);
}

#[test]
fn shows_nothing_secret() {
    let (keys, token) = (keys(), RefreshToken::first(SESSION, 5, [0x5a; 32]));
    let shown = format!("{keys:?} {:?} {token:?} {:?}", key(1, 10), keys.seal(&token));
    assert!(shown.contains(&SESSION.to_string()), "which session it is, is for the log: {shown}");
    for secret in ["5a", "90", "Wlpa", "0a", "10", "CgoK"] {
        let shown = shown.replace(&SESSION.to_string(), "");
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

proptest! {
    #[test]
    fn any_token_opens_as_what_it_was(id: u128, generation in 0..=i64::MAX, issued_at in 0..=i64::MAX, secret: [u8; 32]) {
        let secret = Zeroizing::new(secret);
        let token = RefreshToken { session_id: SessionId(Uuid::from_u128(id)), generation, issued_at, secret: secret.clone() };
        let text = keys().seal(&token);
        let opened = keys().open(text.reveal()).unwrap();
        prop_assert_eq!(opened.session_id, token.session_id);
        prop_assert_eq!((opened.generation, opened.issued_at, opened.secret), (generation, issued_at, secret));
        prop_assert_eq!(text.hash(), SecretHash::of(text.reveal().as_bytes()));
    }

    #[test]
    fn nothing_that_a_stranger_writes_opens(text in ".*", body in "[A-Za-z0-9_-]{110}") {
        prop_assert_eq!(keys().open(&text).unwrap_err(), InvalidToken::Malformed);
        let formed = format!("tkr_{body}");
        prop_assert!(keys().open(&formed).is_err());
    }
}
