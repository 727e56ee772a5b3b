//! Claims that are missing, of another type, somebody else's, too old or too young. All of it properly signed.

use serde_json::json;

use super::*;

#[test]
fn a_claim_that_is_missing_is_missed() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let token = |payload: &str| mint(&header(signer(&ring)).to_string(), payload, signer(&ring));
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        refused(&token(&without(payload(), name)), &ring, InvalidAccessToken::Claims);
    }
    for name in ["scope", "sid", "auth_time", "roles"] {
        check(&token(&without(payload(), name)), &ring).unwrap();
    }
}

#[test]
fn a_claim_of_another_type_is_no_claim() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let token = |payload: &str| mint(&header(signer(&ring)).to_string(), payload, signer(&ring));
    let junk = [json!(null), json!(true), json!(-1.5), json!({}), json!([]), json!([1]), json!([null]), json!("")];
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "auth_time", "scope", "nbf"] {
        for value in junk.iter().filter(|value| !matches!(name, "scope" | "iss") || **value != "") {
            refused(&token(&with(payload(), name, value.clone())), &ring, InvalidAccessToken::Claims);
        }
    }
    for name in ["iss", "sub", "jti", "client_id", "sid", "scope", "aud"] {
        refused(&token(&with(payload(), name, json!(7))), &ring, InvalidAccessToken::Claims);
    }
    refused(&token(&with(payload(), "iss", json!([ISSUER]))), &ring, InvalidAccessToken::Claims);
    refused(&token(&with(payload(), "iss", json!(""))), &ring, InvalidAccessToken::Issuer);
    refused(&token(&with(payload(), "client_id", json!(ALICE))), &ring, InvalidAccessToken::Claims);
    refused(&token(&with(payload(), "scope", json!("a  b"))), &ring, InvalidAccessToken::Claims);
    refused(&token(&with(payload(), "aud", json!(["a", ""]))), &ring, InvalidAccessToken::Claims);
    refused(&token(&with(payload(), "aud", json!(["a", 1]))), &ring, InvalidAccessToken::Claims);
    for name in ["exp", "iat", "nbf", "auth_time"] {
        for spelling in
            ["1800000900.0", "1.8e9", "\"1800000900\"", "1e400", "18446744073709551615", "99999999999999999999"]
        {
            let text = without(serde_json::from_str(&with(payload(), name, json!(0))).unwrap(), name);
            let text = text.replacen('{', &format!("{{\"{name}\":{spelling},"), 1);
            refused(&token(&text), &ring, InvalidAccessToken::Claims);
        }
    }
}

#[test]
fn a_payload_of_another_shape_is_refused() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let good = payload().to_string();
    for payload in [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        format!("[{good}]"),
        format!("{good}{good}"),
        good.replacen('{', r#"{"sub":"root","#, 1),
        good.replacen('{', r#"{"exp":1800000001,"#, 1),
        good.replacen('{', r#"{"\u0061ud":"other","#, 1),
        good.replacen('{', r#"{"roles":[],"#, 1),
        good.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1),
        good.replacen('{', &format!(r#"{{"x":{},"#, "[".repeat(2_000)), 1),
    ] {
        let token = mint(&header(signer(&ring)).to_string(), &payload, signer(&ring));
        refused(&token, &ring, InvalidAccessToken::Claims);
    }
}

#[test]
fn another_issuer_is_another_issuer() {
    let ring = ring(SigningAlgorithm::EdDsa);
    for iss in [
        "https://id.example.com/auth/",
        "https://id.example.com",
        "http://id.example.com/auth",
        "HTTPS://id.example.com/auth",
        "https://ID.example.com/auth",
        "https://id.example.com:443/auth",
        "https://id.example.com/Auth",
        " https://id.example.com/auth",
        "https://other.example.com/auth",
        "",
    ] {
        let token =
            sign(&AccessClaims { iss: iss.to_owned(), ..claims() }, TokenTyp::AccessToken, signer(&ring)).unwrap();
        refused(token.reveal(), &ring, InvalidAccessToken::Issuer);
    }
}

#[test]
fn a_token_lives_until_the_second_of_its_exp() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let at = |exp: UnixTime| {
        check(sign(&AccessClaims { exp, ..claims() }, TokenTyp::AccessToken, signer(&ring)).unwrap().reveal(), &ring)
    };
    assert!(at(NOW + 1).is_ok());
    for exp in [NOW, NOW - 1, NOW - 59, 0, -1, UnixTime::MIN] {
        assert_eq!(at(exp).unwrap_err(), InvalidAccessToken::Expired, "{exp}");
    }
}

#[test]
fn a_token_from_the_future_is_refused() {
    let ring = ring(SigningAlgorithm::EdDsa);
    let token = |payload: &str| mint(&header(signer(&ring)).to_string(), payload, signer(&ring));
    for name in ["iat", "nbf"] {
        for (at, alive) in [
            (NOW - 1, true),
            (NOW, true),
            (NOW + MAX_CLOCK_SKEW, true),
            (NOW + MAX_CLOCK_SKEW + 1, false),
            (NOW + 120, false),
            (UnixTime::MAX, false),
        ] {
            let token = token(&with(payload(), name, json!(at)));
            if alive {
                check(&token, &ring).unwrap();
            } else {
                refused(&token, &ring, InvalidAccessToken::NotYetValid);
            }
        }
    }
}
