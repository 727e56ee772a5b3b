//! RFC 9068: access tokens as JWTs, as a resource server reads them.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tokend::domain::SigningAlgorithm;
use uuid::Uuid;

use crate::harness::{API, C1, Engine, START, TestServer, on_both_databases};

const ISSUER: &str = "https://auth.example.com";

/// Verifies an access token as a resource server does that knows the issuer's address and nothing else.
async fn verify(server: &TestServer, token: &str) -> Value {
    let keys: JwkSet = serde_json::from_value(server.get("/jwks.json").await.ok().json()).unwrap();
    let header = decode_header(token).unwrap();
    let key = keys.find(header.kid.as_deref().unwrap()).expect("the key is published");
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[API]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).expect("the signature verifies").claims
}

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
