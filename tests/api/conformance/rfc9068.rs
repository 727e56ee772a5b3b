//! RFC 9068: access tokens as JWTs, as a resource server reads them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, VerificationAlgorithm as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokend::domain::SigningAlgorithm;
use uuid::Uuid;

use crate::harness::{API, C1, Engine, START, TestServer, on_both_databases, part};

const ISSUER: &str = "https://auth.example.com";

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

/// Verifies an access token as a resource server does that knows the issuer's address and nothing else. `tests/clients` does the same
/// with `PyJWT`.
async fn verify(server: &TestServer, token: &str) -> Value {
    let keys = server.get("/jwks.json").await.ok().json();
    let (header, claims) = (part(token, 0), part(token, 1));
    let mut published = keys["keys"].as_array().unwrap().iter().filter(|key| key["kid"] == header["kid"]);
    let key = published.next().expect("the key is published");
    assert!(published.next().is_none() && key["alg"] == header["alg"] && key["use"] == "sig");
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(verifies_with(key, message.as_bytes(), &signature), "the signature verifies");
    assert_eq!(claims["iss"], ISSUER);
    assert!(claims["aud"] == API || claims["aud"].as_array().is_some_and(|list| list.contains(&json!(API))));
    claims
}

/// RFC 9068 §2.1: an access token MUST be signed, with an algorithm other than `none`, and its `typ` is `at+jwt`.
async fn r2_1_a_tokens_are_signed_and_typed_with_every_algorithm(engine: Engine) {
    let server = TestServer::start(engine).await;
    for (i, algorithm) in (1..).zip(SigningAlgorithm::ALL) {
        server.clock.advance(1);
        let kid = server.add_key(algorithm, START + i).await;
        for answer in [server.login().await, server.own_token(C1, &[]).await] {
            assert_eq!(answer.jwt_header(), json!({ "typ": "at+jwt", "alg": algorithm.as_str(), "kid": kid }));
            assert_eq!(verify(&server, &answer.access_token()).await, answer.claims());
            server.introspect(&answer.access_token()).await.active();
        }
    }
}

/// RFC 9068 §2.2: `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are REQUIRED; `scope` SHOULD be included if the request had one.
/// `auth_time` is the time of the sign-in, also after a refresh (§2.2.1).
async fn r2_2_a_a_users_token_has_all_claims_of_the_profile(engine: Engine) {
    let server = TestServer::start(engine).await;
    let signed_in = server.login().await;
    server.clock.advance(60);
    let claims = server.refresh(&signed_in.refresh_token()).await.claims();
    let jti: Uuid = claims["jti"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER,
            "sub": server.alice.to_string(),
            "aud": [API, ISSUER],
            "exp": START + 60 + 900,
            "iat": START + 60,
            "jti": jti.to_string(),
            "client_id": "app",
            "scope": "openid profile email read write",
            "sid": signed_in.claims()["sid"],
            "auth_time": START,
            "roles": ["tester"],
        })
    );
    assert_ne!(claims["jti"], signed_in.claims()["jti"]);
}

/// RFC 9068 §2.2, §2.2.1: the REQUIRED claims are in the token of a client's own too; `auth_time` and claims about a user are not.
async fn r2_2_a_a_clients_own_token_has_no_claims_of_a_user(engine: Engine) {
    let server = TestServer::start(engine).await;
    let claims = server.own_token(C1, &[("scope", "read")]).await.claims();
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "sub": "c1", "aud": API, "exp": START + 900, "iat": START, "jti": claims["jti"],
            "client_id": "c1", "scope": "read",
        })
    );
}

/// RFC 9068 §2.2, RFC 9700 §4.15: without a resource owner `sub` SHOULD identify the client. A client SHOULD NOT be able to get the `sub`
/// of a user.
async fn r2_2_b_the_subject_of_a_client_is_its_id_and_never_a_users(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (own, alices) = (server.own_token(C1, &[]).await, server.login_as(C1).await);
    assert_eq!((own.claims()["sub"].as_str(), own.claims()["client_id"].as_str()), (Some("c1"), Some("c1")));
    assert!(alices.claims()["sub"].as_str().unwrap().parse::<Uuid>().is_ok(), "a user's is a UUID");
    for spelling in [server.alice.0.to_string(), server.alice.0.simple().to_string(), server.alice.0.urn().to_string()]
    {
        assert!(spelling.parse::<tokend::domain::ClientId>().is_err(), "and no client's is: {spelling}");
    }
}

/// RFC 9068 §3, RFC 8707 §2: `aud` SHOULD be the requested `resource`. One that is unknown or not allowed is `invalid_target`.
async fn r3_a_a_resource_decides_the_audience_and_without_one_the_registration(engine: Engine) {
    let server = TestServer::start(engine).await;
    let other = "https://other.example.com/v1";
    server.change_client(C1.0, |client| client.audience.push(other.to_owned())).await;
    assert_eq!(server.own_token(C1, &[("scope", "read")]).await.claims()["aud"], json!([API, other]));
    assert_eq!(server.own_token(C1, &[("resource", other)]).await.claims()["aud"], other);
    let both = [("resource", other), ("resource", API), ("resource", other)];
    assert_eq!(server.own_token(C1, &both).await.claims()["aud"], json!([other, API]));
    for unknown in ["https://elsewhere.example.com", "https://other.example.com", "HTTPS://API.EXAMPLE.COM", "x y"] {
        server.own_token(C1, &[("resource", API), ("resource", unknown)]).await.refused(400, "invalid_target");
    }
}

/// RFC 9068 §3: without `resource` the server MUST use a default audience.
async fn r3_a_no_token_is_for_nobody(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.change_client(C1.0, |client| client.audience.clear()).await;
    assert_eq!(server.own_token(C1, &[("scope", "read")]).await.claims()["aud"], ISSUER);
    let settings = crate::harness::Settings::with(r#"audience = ["https://default.example.com"]"#);
    let server = TestServer::start_with(engine, settings).await;
    server.change_client(C1.0, |client| client.audience.clear()).await;
    assert_eq!(server.own_token(C1, &[("scope", "read")]).await.claims()["aud"], "https://default.example.com");
    assert_eq!(server.login_as(C1).await.claims()["aud"], json!(["https://default.example.com", ISSUER]));
}

on_both_databases!(
    r2_1_a_tokens_are_signed_and_typed_with_every_algorithm,
    r2_2_a_a_users_token_has_all_claims_of_the_profile,
    r2_2_a_a_clients_own_token_has_no_claims_of_a_user,
    r2_2_b_the_subject_of_a_client_is_its_id_and_never_a_users,
    r3_a_a_resource_decides_the_audience_and_without_one_the_registration,
    r3_a_no_token_is_for_nobody,
);
