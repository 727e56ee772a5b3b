//! RFC 7517: the public keys, and the life of a key.

use serde_json::{Value, json};
use tokend::domain::SigningAlgorithm;

use crate::harness::{Answer, Engine, START, TestServer, on_both_databases};

fn keys(answer: &Answer) -> Vec<Value> {
    answer.ok().json()["keys"].as_array().expect("a list of keys").clone()
}

async fn kids(server: &TestServer) -> Vec<String> {
    keys(&server.get("/jwks.json").await).iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// RFC 7517 §4, OpenID Connect Discovery §3: the key set MUST NOT contain private or symmetric keys. Each key has `use`, `alg` and `kid`.
async fn only_public_members_are_there_and_each_key_says_what_it_is_for(engine: Engine) {
    let server = TestServer::start(engine).await;
    for algorithm in SigningAlgorithm::ALL {
        server.add_key(algorithm, START + 3600).await;
    }
    let answer = server.get("/jwks.json").await;
    assert_eq!(answer.json().as_object().unwrap().keys().collect::<Vec<_>>(), ["keys"]);
    let keys = keys(&answer);
    assert_eq!(keys.len(), 4);
    for key in &keys {
        let public = match key["alg"].as_str().unwrap() {
            "ES256" => ["alg", "crv", "kid", "kty", "use", "x", "y"].as_slice(),
            "EdDSA" => &["alg", "crv", "kid", "kty", "use", "x"],
            "RS256" => &["alg", "e", "kid", "kty", "n", "use"],
            other => panic!("{other}"),
        };
        let mut members: Vec<&String> = key.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, public);
        assert_eq!(key["use"], "sig");
        assert!(key["kid"].as_str().is_some_and(|kid| !kid.is_empty()));
    }
    for private in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"k\"", "oct"] {
        assert!(!answer.text.contains(private), "{private}");
    }
}

/// OpenID Connect Core §10.1.1: keys rotate by `kid`. The key set SHOULD retain a key for a while after it has stopped signing; tokend
/// publishes it before its first signature and until its last token is dead.
async fn a_key_is_published_before_it_signs_and_until_its_last_token_is_dead(engine: Engine) {
    let server = TestServer::start(engine).await;
    let old = kids(&server).await;
    let new = server.add_key(SigningAlgorithm::EdDsa, START + 3600).await;
    let both = [old[0].clone(), new.clone()];
    assert_eq!(kids(&server).await, both, "at once");

    server.clock.advance(3599);
    let last = server.login().await;
    assert_eq!(last.jwt_header()["kid"], old[0]);
    server.clock.advance(1);
    let first = server.login().await;
    assert_eq!(first.jwt_header(), json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": new }));
    for token in [&last, &first] {
        server.introspect(&token.access_token()).await.active();
        server.get_with("/userinfo", &token.access_token()).await.ok();
    }

    server.clock.advance(898);
    assert_eq!(kids(&server).await, both);
    server.introspect(&last.access_token()).await.active();
    server.clock.advance(1);
    server.introspect(&last.access_token()).await.inactive();
    server.introspect(&first.access_token()).await.active();

    // It may have signed tokens that live for a day, whatever lifetimes are by now, and nodes' clocks differ.
    server.clock.advance(86_459 - 899);
    assert_eq!(kids(&server).await, both);
    server.clock.advance(1);
    assert_eq!(kids(&server).await, both[1..]);
    assert_eq!(server.refresh(&last.refresh_token()).await.jwt_header()["kid"], new, "sessions don't hang on the key");
}

/// RFC 9111 §5.2.2.1, RFC 9110 §8.8.3: the key set says for how long it may be cached, and has an entity tag that changes with the keys.
async fn the_keys_may_be_kept_for_a_while_and_asked_about(engine: Engine) {
    let server = TestServer::start(engine).await;
    let first = server.get("/jwks.json").await;
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.header("cache-control"), "public, max-age=300", "far less than a new key waits before it signs");
    let tag = first.header("etag");
    assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'));
    server.clock.advance(600);
    assert_eq!(server.get("/jwks.json").await.header("etag"), tag);
    server.add_key(SigningAlgorithm::Es256, START + 3600).await;
    assert_ne!(server.get("/jwks.json").await.header("etag"), tag);
}

on_both_databases!(
    only_public_members_are_there_and_each_key_says_what_it_is_for,
    a_key_is_published_before_it_signs_and_until_its_last_token_is_dead,
    the_keys_may_be_kept_for_a_while_and_asked_about,
);
