//! The attacks on JWTs, as a table against real keys: hostile tokens that are validly signed wherever that makes them worse.

mod form;
mod header;
mod payload;
mod verified;

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, VerificationAlgorithm as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::clock::{Seconds, UnixTime};
use crate::config::Issuer;
use crate::domain::{Client, ClientId, LONGEST_ACCESS_LIFETIME, PlainSecret, Scope, SigningAlgorithm, TokenTyp};
use crate::keys::{KeyRing, SigningKey};

const NOW: UnixTime = 1_800_000_000;
const LIFETIME: Seconds = 900;
const ISSUER: &str = "https://id.example.com/auth";
const ALICE: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

fn key(algorithm: SigningAlgorithm) -> SigningKey {
    SigningKey::generate(algorithm, NOW - 10, NOW - 10).unwrap()
}

fn ring(algorithm: SigningAlgorithm) -> KeyRing {
    KeyRing::new(vec![key(algorithm)])
}

fn signer(ring: &KeyRing) -> &SigningKey {
    ring.signer(NOW).unwrap()
}

fn claims() -> AccessClaims {
    AccessClaims {
        iss: ISSUER.to_owned(),
        sub: ALICE.to_owned(),
        aud: vec!["https://api.example.com".to_owned()],
        exp: NOW + LIFETIME,
        iat: NOW,
        jti: "0199a9a0-0000-7000-8000-000000000001".parse().unwrap(),
        client_id: "app".parse().unwrap(),
        scope: "openid read".parse().unwrap(),
        sid: Some("0199a9a0-0000-7000-8000-000000000002".parse().unwrap()),
        auth_time: Some(NOW - 60),
        extra: [("roles".to_owned(), json!(["admin"]))].into_iter().collect(),
    }
}

/// By a memory that is empty, and again by what it then remembers: no answer may depend on it.
fn check(token: &str, ring: &KeyRing) -> Result<AccessClaims, InvalidAccessToken> {
    let verified = VerifiedTokens::new(ISSUER);
    let verify = || verified.verify(token, ring, NOW).map(|verified| Arc::unwrap_or_clone(verified.claims));
    let (fresh, again) = (verify(), verify());
    assert_eq!(again, fresh, "{token:.300}");
    fresh
}

#[track_caller]
fn refused(token: &str, ring: &KeyRing, why: InvalidAccessToken) {
    assert_eq!(check(token, ring).unwrap_err(), why, "{token:.300}");
}

/// A token with any header and payload, properly signed by `key`.
fn mint(header: &str, payload: &str, key: &SigningKey) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header(key: &SigningKey) -> Value {
    json!({ "typ": "at+jwt", "alg": key.algorithm().as_str(), "kid": key.kid() })
}

fn payload() -> Value {
    serde_json::to_value(claims()).unwrap()
}

fn with(mut object: Value, name: &str, value: Value) -> String {
    object[name] = value;
    object.to_string()
}

fn without(mut object: Value, name: &str) -> String {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object.to_string()
}

#[test]
fn what_each_kind_of_key_signs_it_verifies() {
    for algorithm in SigningAlgorithm::ALL {
        let ring = ring(algorithm);
        let token = sign(&claims(), TokenTyp::AccessToken, signer(&ring)).unwrap();
        assert_eq!(check(token.reveal(), &ring).unwrap(), claims(), "{algorithm}");
    }
}

/// RFC 9068 §2.1 and §2.2, on the bytes that resource servers see.
#[test]
fn the_header_and_claims_are_exactly_those_of_rfc_9068() {
    let key = key(SigningAlgorithm::Es256);
    let part = |token: &PlainSecret, i: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(token.reveal().split('.').nth(i).unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let token = sign(&claims(), TokenTyp::AccessToken, &key).unwrap();
    assert_eq!(part(&token, 0), format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{}"}}"#, key.kid()));
    let expected = json!({
        "iss": ISSUER, "sub": ALICE, "aud": "https://api.example.com", "exp": NOW + LIFETIME, "iat": NOW,
        "jti": "0199a9a0-0000-7000-8000-000000000001", "client_id": "app", "scope": "openid read",
        "sid": "0199a9a0-0000-7000-8000-000000000002", "auth_time": NOW - 60, "roles": ["admin"],
    });
    assert_eq!(serde_json::from_str::<Value>(&part(&token, 1)).unwrap(), expected);

    let machine = AccessClaims {
        sub: "app".to_owned(),
        aud: vec!["a".to_owned(), "b".to_owned()],
        scope: "".parse().unwrap(),
        sid: None,
        auth_time: None,
        extra: serde_json::Map::new(),
        ..claims()
    };
    let token = sign(&machine, TokenTyp::AccessToken, &key).unwrap();
    let said: Value = serde_json::from_str(&part(&token, 1)).unwrap();
    let mut names: Vec<_> = said.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "client_id", "exp", "iat", "iss", "jti", "sub"]);
    assert_eq!(said["aud"], json!(["a", "b"]));
    let machine_again = check(token.reveal(), &KeyRing::new(vec![key])).unwrap();
    assert_eq!(machine_again, machine);
    assert!(machine_again.is_for("b") && !machine_again.is_for("B") && !machine_again.is_for("a b"));
}

/// Whether the signature is that of a public key, which is all that is known of the signer: RFC 7515 §5.2, RFC 7518 §6, RFC 8037 §2.
fn verifies_with(jwk: &Value, message: &[u8], signature: &[u8]) -> bool {
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let verified = match (jwk["kty"].as_str(), jwk["alg"].as_str()) {
        (Some("EC"), Some("ES256")) => {
            let point = [&[4], &member("x")[..], &member("y")].concat();
            ECDSA_P256_SHA256_FIXED.verify_sig(&point, message, signature)
        }
        (Some("OKP"), Some("EdDSA")) => ED25519.verify_sig(&member("x"), message, signature),
        (Some("RSA"), Some("RS256")) => {
            let key = RsaPublicKeyComponents { n: member("n"), e: member("e") };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
        }
        other => panic!("{other:?}"),
    };
    verified.is_ok()
}

/// `tests/clients` does the same with `PyJWT`.
#[test]
fn a_resource_server_verifies_it_with_the_published_keys() {
    for algorithm in SigningAlgorithm::ALL {
        let ring = ring(algorithm);
        let token = sign(&claims(), TokenTyp::AccessToken, signer(&ring)).unwrap();
        let jwks = ring.jwks(NOW);
        let [key] = &jwks["keys"].as_array().unwrap()[..] else { panic!("one key") };
        let (message, signature) = token.reveal().rsplit_once('.').unwrap();
        let [header, payload] = [0, 1].map(|i| {
            let json = URL_SAFE_NO_PAD.decode(message.split('.').nth(i).unwrap()).unwrap();
            serde_json::from_slice::<Value>(&json).unwrap()
        });
        assert_eq!((&header["typ"], &header["kid"], &header["alg"]), (&json!("at+jwt"), &key["kid"], &key["alg"]));
        assert_eq!(payload, self::payload());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(verifies_with(key, message.as_bytes(), &signature), "{algorithm}");
    }
}

#[test]
fn claims_that_nobody_would_accept_are_not_signed() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let with_roles = |length: usize| {
        let extra = [("roles".to_owned(), json!("r".repeat(length)))].into_iter().collect();
        sign(&AccessClaims { extra, ..claims() }, TokenTyp::AccessToken, signer(&ring))
    };
    let token = with_roles(5_000).unwrap();
    assert_eq!(check(token.reveal(), &ring).unwrap().extra["roles"], "r".repeat(5_000));
    assert_eq!(with_roles(8_000).unwrap_err(), SignError::TooLong);
    for aud in [vec![], vec![String::new()], vec!["a".to_owned(), String::new()]] {
        assert_eq!(
            sign(&AccessClaims { aud, ..claims() }, TokenTyp::AccessToken, signer(&ring)).unwrap_err(),
            SignError::MissingSubjectOrAudience
        );
    }
    let nobody = AccessClaims { sub: String::new(), ..claims() };
    assert_eq!(sign(&nobody, TokenTyp::AccessToken, signer(&ring)).unwrap_err(), SignError::MissingSubjectOrAudience);
    for name in AccessClaims::RESERVED {
        let extra = [(name.to_owned(), json!("root"))].into_iter().collect();
        let refused = sign(&AccessClaims { extra, ..claims() }, TokenTyp::AccessToken, signer(&ring)).unwrap_err();
        assert_eq!(refused, SignError::ReservedClaim(name));
    }
}

/// Whatever is registered and configured, up to every bound: what doesn't fit can only be the user's claims.
#[test]
fn the_longest_registration_has_a_token_that_fits() {
    let issuer = "i".repeat(Issuer::MAX_BYTES);
    let id = "\"".repeat(ClientId::MAX_BYTES);
    let audience = "a".repeat(Client::MAX_AUDIENCE_BYTES - 4);
    assert!(Client::audiences_fit(std::slice::from_ref(&audience)));
    let longest = AccessClaims {
        iss: issuer.clone(),
        sub: id.clone(),
        aud: vec![audience, issuer],
        client_id: id.parse().unwrap(),
        scope: "s".repeat(Scope::MAX_BYTES).parse().unwrap(),
        extra: [("roles".to_owned(), json!("r".repeat(512)))].into_iter().collect(),
        ..claims()
    };
    for algorithm in SigningAlgorithm::ALL {
        sign(&longest, TokenTyp::AccessToken, signer(&ring(algorithm))).unwrap();
    }
}

#[test]
fn a_retired_key_verifies_nothing() {
    let old = SigningKey::generate(SigningAlgorithm::EdDsa, NOW - 200_000, NOW - 200_000).unwrap();
    let token = sign(&claims(), TokenTyp::AccessToken, &old).unwrap();
    let retires = |successor_at| {
        KeyRing::new(vec![
            SigningKey::open(&old.seal(&master()).unwrap(), &master()).unwrap(),
            SigningKey::generate(SigningAlgorithm::Es256, NOW - 200_000, successor_at).unwrap(),
        ])
    };
    check(token.reveal(), &retires(NOW - LONGEST_ACCESS_LIFETIME)).unwrap();
    refused(
        token.reveal(),
        &retires(NOW - LONGEST_ACCESS_LIFETIME - crate::keys::ring::RETIREMENT_SLACK),
        InvalidAccessToken::UnknownKey,
    );
}

fn master() -> crate::keys::MasterSecrets {
    crate::keys::MasterSecrets::new(&[PlainSecret::new("m".repeat(32))]).unwrap()
}
