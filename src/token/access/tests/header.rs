//! Headers that lie, and keys that are not what they claim to be.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RsaPublicKeyComponents};
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;

/// CVE-2015-9235 and its class.
#[test]
fn an_unsigned_token_is_refused() {
    let ring = ring(SigningAlgorithm::Es256);
    for alg in ["none", "None", "nOnE", "NONE", ""] {
        let header = with(header(signer(&ring)), "alg", json!(alg));
        let unsigned =
            format!("{}.{}.", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(payload().to_string()));
        refused(&unsigned, &ring, InvalidAccessToken::Algorithm);
        refused(&mint(&header, &payload().to_string(), signer(&ring)), &ring, InvalidAccessToken::Algorithm);
    }
    let token = sign(&claims(), TokenTyp::AccessToken, signer(&ring)).unwrap();
    let (signed, _) = token.reveal().rsplit_once('.').unwrap();
    refused(&format!("{signed}."), &ring, InvalidAccessToken::Signature);
    refused(signed, &ring, InvalidAccessToken::NotJws);
}

/// CVE-2022-29217 and its class: what is public must never be the secret of an HMAC.
#[test]
fn a_public_key_is_no_hmac_secret() {
    for algorithm in SigningAlgorithm::ALL {
        let ring = ring(algorithm);
        let good = header(signer(&ring));
        for secret in public_forms(signer(&ring)) {
            for (alg, why) in
                [("HS256", InvalidAccessToken::Algorithm), (algorithm.as_str(), InvalidAccessToken::Signature)]
            {
                let header = URL_SAFE_NO_PAD.encode(with(good.clone(), "alg", json!(alg)));
                let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload().to_string()));
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
                refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)), &ring, why);
            }
        }
    }
}

/// The public key as DER, PEM, JWK and raw bytes, its `kid`, and nothing.
fn public_forms(key: &SigningKey) -> Vec<Vec<u8>> {
    let member = |name: &str| key.jwk().get(name).map(|value| URL_SAFE_NO_PAD.decode(value).unwrap());
    let parsed = |algorithm, raw: &[u8]| ParsedPublicKey::new(algorithm, raw).unwrap().as_der().unwrap();
    let (raw, der) = match key.algorithm() {
        SigningAlgorithm::Es256 => {
            let point = [vec![4], member("x").unwrap(), member("y").unwrap()].concat();
            (point.clone(), parsed(&ECDSA_P256_SHA256_FIXED, &point))
        }
        SigningAlgorithm::EdDsa => (member("x").unwrap(), parsed(&ED25519, &member("x").unwrap())),
        SigningAlgorithm::Rs256 => {
            let (n, e) = (member("n").unwrap(), member("e").unwrap());
            (n.clone(), RsaPublicKeyComponents { n, e }.as_der().unwrap())
        }
    };
    let base64 = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = (0..base64.len()).step_by(64).map(|i| &base64[i..base64.len().min(i + 64)]).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    let jwk = serde_json::to_vec(key.jwk()).unwrap();
    let pem_line = format!("{pem}\n").into_bytes();
    vec![raw, der.as_ref().to_vec(), pem.into_bytes(), pem_line, jwk, key.kid().into(), Vec::new()]
}

/// CVE-2018-0114, and RFC 7515 §4.1.11: what we don't understand we don't accept, even if we signed it.
#[test]
fn a_header_with_anything_more_is_refused() {
    let (ring, stranger) = (ring(SigningAlgorithm::EdDsa), key(SigningAlgorithm::EdDsa));
    let jwk = serde_json::to_value(stranger.jwk()).unwrap();
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("http://127.0.0.1:9/jwks.json")),
        ("x5u", json!("http://127.0.0.1:9/cert")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
        ("x5t#S256", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("nonce", json!("n")),
        ("TYP", json!("at+jwt")),
        ("", json!(null)),
    ] {
        let header = with(header(signer(&ring)), name, value);
        for key in [signer(&ring), &stranger] {
            refused(&mint(&header, &payload().to_string(), key), &ring, InvalidAccessToken::Header);
        }
    }
    let own =
        mint(&json!({ "typ": "at+jwt", "alg": "EdDSA", "jwk": jwk }).to_string(), &payload().to_string(), &stranger);
    refused(&own, &ring, InvalidAccessToken::Header);
}

#[test]
fn a_header_of_another_shape_is_refused() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let kid = signer(&ring).kid();
    let good = header(signer(&ring)).to_string();
    for header in [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        format!(r#"["at+jwt","EdDSA","{kid}"]"#),
        good.replacen('{', r#"{"alg":"none","#, 1),
        good.replacen('{', r#"{"kid":"other","#, 1),
        good.replacen('{', r#"{"typ":"at+jwt","#, 1),
        good.replacen('{', r#"{"\u0061lg":"EdDSA","#, 1),
        format!("{good} trailing"),
        format!("\u{feff}{good}"),
        good.trim_end_matches('}').to_owned(),
    ] {
        refused(&mint(&header, &payload().to_string(), signer(&ring)), &ring, InvalidAccessToken::Header);
    }
    let mut bytes = good.into_bytes();
    bytes[3] = 0xff;
    let payload = URL_SAFE_NO_PAD.encode(payload().to_string());
    let message = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(bytes));
    let signature = URL_SAFE_NO_PAD.encode(signer(&ring).sign(message.as_bytes()).unwrap());
    refused(&format!("{message}.{signature}"), &ring, InvalidAccessToken::Header);
}

#[test]
fn a_kid_that_is_not_ours_finds_no_key() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let good = header(signer(&ring));
    let kid = signer(&ring).kid();
    let swapped: String =
        kid.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
    let long = "k".repeat(5_000);
    for other in ["", "../../etc/passwd", "/dev/null", "' OR 1=1--", "\u{0}", &format!("{kid}\u{0}"), &swapped, &long] {
        let header = with(good.clone(), "kid", json!(other));
        refused(&mint(&header, &payload().to_string(), signer(&ring)), &ring, InvalidAccessToken::UnknownKey);
    }
    for other in [json!(null), json!(0), json!(1.5), json!([kid]), json!({ "kid": kid }), json!(true)] {
        let header = with(good.clone(), "kid", other);
        refused(&mint(&header, &payload().to_string(), signer(&ring)), &ring, InvalidAccessToken::Header);
    }
    for name in ["kid", "alg", "typ"] {
        let header = without(good.clone(), name);
        refused(&mint(&header, &payload().to_string(), signer(&ring)), &ring, InvalidAccessToken::Header);
    }
    let giant = with(good, "kid", json!("k".repeat(100_000)));
    refused(&mint(&giant, &payload().to_string(), signer(&ring)), &ring, InvalidAccessToken::TooLong);
}

/// RFC 8725 §3.11: an ID token, a client assertion or a logout token is no access token.
#[test]
fn a_token_of_another_type_is_refused() {
    let ring = ring(SigningAlgorithm::EdDsa);
    for typ in ["jwt", "Jwt", "JWT ", "AT+JWT", "at+JWT", "application/at+jwt", "at+jwt ", "logout+jwt", "dpop+jwt", ""]
    {
        let header = with(header(signer(&ring)), "typ", json!(typ));
        refused(&mint(&header, &payload().to_string(), signer(&ring)), &ring, InvalidAccessToken::Header);
    }
    for typ in [json!(null), json!(["at+jwt"]), json!(1)] {
        let header = with(header(signer(&ring)), "typ", typ);
        refused(&mint(&header, &payload().to_string(), signer(&ring)), &ring, InvalidAccessToken::Header);
    }
}

/// Whether its client's tokens are called so is asked where the clients are known.
#[test]
fn a_jwt_is_told_as_one_and_is_nothing_but_an_access_token() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let verify = |token: &str| VerifiedTokens::new(ISSUER).verify(token, &ring, NOW);
    for typ in [TokenTyp::AccessToken, TokenTyp::Jwt] {
        let token = sign(&claims(), typ, signer(&ring)).unwrap();
        assert_eq!(verify(token.reveal()).unwrap(), Verified { claims: Arc::new(claims()), typ });
    }
    let jwt = with(header(signer(&ring)), "typ", json!("JWT"));
    for name in ["nonce", "azp", "at_hash", "acr", "amr", "cnf", "typ", "active"] {
        let token = mint(&jwt, &with(payload(), name, json!("x")), signer(&ring));
        refused(&token, &ring, InvalidAccessToken::Claims);
    }
    for name in ["client_id", "jti", "sub", "aud"] {
        refused(&mint(&jwt, &without(payload(), name), signer(&ring)), &ring, InvalidAccessToken::Claims);
    }
}

#[test]
fn one_key_has_one_algorithm() {
    let keys = SigningAlgorithm::ALL.map(key);
    let headers: Vec<Value> = keys.iter().map(header).collect();
    let ring = KeyRing::new(keys.into_iter().collect());
    let by_kid = |header: &Value| ring.verifier(header["kid"].as_str().unwrap(), NOW).unwrap();
    for named in &headers {
        for alg in ["ES256", "EdDSA", "RS256", "ES384", "RS512", "PS256", "HS256", "es256", "Ed25519"] {
            let header = with(named.clone(), "alg", json!(alg));
            for signing in &headers {
                let token = mint(&header, &payload().to_string(), by_kid(signing));
                if alg != named["alg"] {
                    refused(&token, &ring, InvalidAccessToken::Algorithm);
                } else if signing == named {
                    check(&token, &ring).unwrap();
                } else {
                    refused(&token, &ring, InvalidAccessToken::Signature);
                }
            }
        }
    }
}
