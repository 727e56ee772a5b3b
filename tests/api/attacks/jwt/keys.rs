//! The keys behind the tokens: what is published, for how long, and assertions that prove nothing.

use serde_json::{Value, json};
use tokend::domain::SigningAlgorithm;
use tokend::keys::SigningKey;

use super::assert_worthless;
use crate::harness::{C1, Engine, Forge, P1, START, TestServer, on_both_databases, part};
async fn a_retired_key_verifies_nothing_and_a_retiring_one_still_does(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (old, bystander) = (Forge::of(&server).await, server.bystander().await);
    let key = SigningKey::generate(SigningAlgorithm::EdDsa, START, START + 3_600).expect("a key is made");
    let new = server.publish(key).await;
    let published = async || -> Vec<String> {
        let keys = server.get("/jwks.json").await.json()["keys"].clone();
        keys.as_array().expect("keys").iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
    };
    let kids = [old.key.kid().to_owned(), new.key.kid().to_owned()];
    let long_lived =
        |forge: &Forge| forge.with_claims(&bystander.access, |claims| claims["exp"] = (START + 99_999).into());
    let by_old = long_lived(&old);

    // Published before it signs, and not used yet.
    assert_eq!(published().await, kids);
    assert_eq!(part(&server.refresh(&bystander.refresh).await.access_token(), 0)["kid"], old.key.kid());
    // In the overlap the new one signs, and the old one is believed.
    server.clock.advance(3_600);
    let answer = server.login().await;
    assert_eq!(part(&answer.access_token(), 0)["kid"], new.key.kid());
    assert_eq!(part(&answer.access_token(), 0)["alg"], "EdDSA");
    server.introspect(&by_old).await.active();
    server.get_with("/userinfo", &by_old).await.ok();
    assert_eq!(published().await, kids);
    // Once every token that it can have signed is dead, so is the key.
    server.clock.advance(86_460);
    assert_eq!(published().await, kids[1..]);
    assert_worthless(&server, &by_old, "signed by a retired key").await;
    server.introspect(&new.with_header(&by_old, |header| *header = new.header())).await.active();
}

impl TestServer {
    async fn publish(&self, key: SigningKey) -> Forge {
        let sealed = key.seal(&crate::harness::master_secrets()).expect("it is sealed");
        self.operator().signing_keys().insert(&sealed).await.expect("a key is added");
        self.app.registry.refresh().await.expect("the registry is read");
        Forge { key }
    }
}
async fn the_jwks_has_public_members_only(engine: Engine) {
    let server = TestServer::start(engine).await;
    for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256] {
        server.publish(SigningKey::generate(algorithm, START, START + 3_600).expect("a key is made")).await;
    }
    let answer = server.get("/jwks.json").await;
    assert_eq!(answer.ok().json().as_object().expect("an object").keys().collect::<Vec<_>>(), ["keys"]);
    let public = ["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"];
    let keys = answer.json()["keys"].as_array().expect("keys").clone();
    assert_eq!(keys.len(), 3);
    for key in &keys {
        let key = key.as_object().expect("an object");
        assert!(key.keys().all(|name| public.contains(&name.as_str())), "{key:?}");
        assert_ne!(key["kty"], "oct");
        assert!(["kid", "alg", "use"].iter().all(|name| key[*name].as_str().is_some_and(|text| !text.is_empty())));
        assert_eq!(key["use"], "sig");
    }
    let tag = answer.header("etag").to_owned();
    assert!(answer.header("cache-control").contains("max-age=") && tag.starts_with('"'));
    assert_eq!(server.get("/jwks.json").await.header("etag"), tag, "it is stable");
    let known = server.request(reqwest::Method::GET, "/jwks.json").header("if-none-match", &tag);
    let known = server.send(known).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
}

/// Not supported, so it proves nothing alone (RFC 6749 §5.2), and next to something else it is one way too many (§2.3,
/// CVE-2026-16093).
async fn a_client_assertion_proves_nothing(engine: Engine) {
    const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let server = TestServer::start(engine).await;
    let (forge, bystander) = (Forge::of(&server).await, server.bystander_on(C1).await);
    let claims = json!({ "iss": C1.0, "sub": C1.0, "aud": "https://auth.example.com", "exp": START + 60, "jti": "1" });
    let unsigned =
        format!("{}.{}.", crate::harness::encode(r#"{"alg":"none"}"#), crate::harness::encode(claims.to_string()));
    let signed = forge.mint(&json!({ "alg": "ES256", "kid": forge.key.kid() }).to_string(), &claims.to_string());
    for assertion in [&unsigned, &signed, &bystander.access, &"x".to_owned()] {
        let with = [("client_assertion_type", TYPE), ("client_assertion", assertion.as_str())];
        for client_id in [None, Some(C1.0)] {
            let mut form = vec![("grant_type", "client_credentials")];
            form.extend(with);
            form.extend(client_id.map(|id| ("client_id", id)));
            server.post("/token", &form).await.refused(401, "invalid_client");
            form[0] = ("token", &bystander.refresh);
            server.post("/revoke", &form).await.refused(401, "invalid_client");
            server.post("/introspect", &form).await.refused(401, "invalid_client");
        }
        for secret in [C1.1, "wrong"] {
            let mut form = vec![("grant_type", "client_credentials"), ("client_id", C1.0), ("client_secret", secret)];
            form.extend(with);
            server.post("/token", &form).await.refused(400, "invalid_request");
        }
    }
    // Nor is it ignored where a public client needs nothing but its name, and an app's own screen not even that.
    let public = server.bystander().await;
    for one in [("client_assertion_type", TYPE), ("client_assertion", "x")] {
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", public.refresh.as_str()), one];
        let named = [&refresh[..], &[("client_id", P1)]].concat();
        server.post("/token", &named).await.refused(401, "invalid_client");
        for path in ["/refresh", "/logout"] {
            server.post(path, &named).await.refused(401, "invalid_client");
            server.post(path, &refresh).await.refused(401, "invalid_client");
        }
    }
    server.assert_lost_nothing(public).await;
    for document in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        assert!(!server.get(document).await.text.contains("_jwt"), "nothing promises what isn't there");
    }
    server.assert_lost_nothing(bystander).await;
}

/// An access token of a server that shares nothing but the issuer's name.
async fn a_key_of_another_server_is_not_believed(engine: Engine) {
    let (server, other) = (TestServer::start(engine).await, TestServer::start(engine).await);
    let (bystander, foreign) = (server.bystander().await, other.bystander().await);
    assert_worthless(&server, &foreign.access, "another server's token").await;
    // It has the same master secret, so that its refresh tokens are genuine: of a session that isn't here.
    server.refresh(&foreign.refresh).await.refused(401, "invalid_grant");
    server.introspect(&foreign.refresh).await.inactive();
    server.post("/revoke", &[("client_id", P1), ("token", &foreign.refresh)]).await.ok();
    assert_ne!(part(&foreign.access, 0)["kid"], Value::Null);
    server.assert_lost_nothing(bystander).await;
    other.assert_lost_nothing(foreign).await;
}

on_both_databases!(
    a_retired_key_verifies_nothing_and_a_retiring_one_still_does,
    the_jwks_has_public_members_only,
    a_client_assertion_proves_nothing,
    a_key_of_another_server_is_not_believed,
);
