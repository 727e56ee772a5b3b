//! RFC 8414 and OpenID Connect Discovery: metadata that is true.

use serde_json::{Value, json};

use crate::harness::{C1, Engine, P1, RS1, Settings, TestServer, on_both_databases};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// RFC 8414 §2, §3.3: `issuer` is REQUIRED and MUST be identical to the issuer identifier that the address was made from. It comes from the
/// configuration, never from the request.
async fn the_issuer_is_byte_for_byte_the_configured_one(engine: Engine) {
    for issuer in ["https://auth.example.com", "https://api.example.com:8443/Auth.v2", "http://127.0.0.1:8080"] {
        let server = TestServer::start_with(engine, Settings::with(&format!("issuer = '{issuer}'"))).await;
        let path = server.app.config.issuer.path_prefix();
        for well_known in [OAUTH, OPENID] {
            let request = server.request_at_root(reqwest::Method::GET, &format!("{well_known}{path}"));
            let answer = server.send(request.header("host", "evil.example").header("x-forwarded-host", "evil.example"));
            assert_eq!(answer.await.ok().json()["issuer"], issuer);
        }
        assert_eq!(server.login().await.claims()["iss"], issuer);
    }
}

/// RFC 8414 §3.1, OpenID Connect Discovery §4.1: `/.well-known/` and the suffix are inserted between host and path of the issuer; OpenID
/// Connect appends them to the path.
async fn the_well_known_segment_is_inserted_and_for_openid_appended_too(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("issuer = 'https://api.example.com/a/b'")).await;
    let get = async |path: &str| server.send(server.request_at_root(reqwest::Method::GET, path)).await;
    let appended = get("/a/b/.well-known/openid-configuration").await;
    assert_eq!(appended.ok().text, get("/.well-known/openid-configuration/a/b").await.ok().text);
    get("/.well-known/oauth-authorization-server/a/b").await.ok();
    for elsewhere in [OAUTH, OPENID, "/a/.well-known/openid-configuration", "/.well-known/openid-configuration/a"] {
        get(elsewhere).await.refused(404, "invalid_request");
    }
}

/// RFC 8414 §2: `token_endpoint` is REQUIRED. It and all other endpoints are listed with addresses where they are.
async fn every_endpoint_is_listed_and_is_there(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::with("issuer = 'https://api.example.com/auth'")).await;
    let metadata = server.get(OPENID).await.ok().json();
    for (member, path) in [
        ("token_endpoint", "/token"),
        ("revocation_endpoint", "/revoke"),
        ("introspection_endpoint", "/introspect"),
        ("userinfo_endpoint", "/userinfo"),
        ("jwks_uri", "/jwks.json"),
    ] {
        assert_eq!(metadata[member], format!("https://api.example.com/auth{path}"));
    }
    let members = metadata.as_object().unwrap();
    let endpoints = members.iter().filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri"));
    for (name, address) in endpoints {
        let path = address.as_str().unwrap().strip_prefix("https://api.example.com").unwrap();
        let answer = server.send(server.request_at_root(reqwest::Method::GET, path)).await;
        assert_ne!(answer.status, 404, "{name}");
    }
}

/// RFC 8414 §2: `grant_types_supported` and the authentication methods of each endpoint are listed, as their defaults differ. Everything
/// listed is accepted.
async fn whatever_is_listed_is_taken(engine: Engine) {
    let server = TestServer::start(engine).await;
    let metadata = server.get(OAUTH).await.ok().json();
    assert_eq!(metadata["grant_types_supported"], json!(["password", "refresh_token", "client_credentials"]));
    for grant in metadata["grant_types_supported"].as_array().unwrap() {
        let answer = server.post_as(C1, "/token", &[("grant_type", grant.as_str().unwrap())]).await;
        assert_ne!(answer.json()["error"], "unsupported_grant_type", "{grant}");
    }
    let methods = json!(["client_secret_basic", "client_secret_post", "none"]);
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], methods);
    assert_eq!(metadata["revocation_endpoint_auth_methods_supported"], methods);
    let introspection = json!(["client_secret_basic", "client_secret_post", "Bearer"]);
    assert_eq!(metadata["introspection_endpoint_auth_methods_supported"], introspection);
    for (endpoint, credentials) in [("/token", C1), ("/revoke", C1), ("/introspect", RS1)] {
        let form = [("grant_type", "client_credentials"), ("token", "x")];
        server.post_as(credentials, endpoint, &form).await.ok();
        let posted = [("client_id", credentials.0), ("client_secret", credentials.1)];
        server.post(endpoint, &[form, posted].concat()).await.ok();
    }
    server.post("/revoke", &[("token", "x"), ("client_id", P1)]).await.ok();
    let bearer = server.own_token(RS1, &[]).await.access_token();
    let request = server.request(reqwest::Method::POST, "/introspect").bearer_auth(&bearer).form(&[("token", "x")]);
    server.send(request).await.inactive();
}

/// RFC 8414 §2: `scopes_supported` is RECOMMENDED. It lists the scopes that an enabled client may get.
async fn the_scopes_that_are_listed_are_those_that_somebody_may_have(engine: Engine) {
    let server = TestServer::start(engine).await;
    let scopes = async || server.get(OAUTH).await.ok().json()["scopes_supported"].clone();
    assert_eq!(scopes().await, json!(["email", "introspect", "openid", "profile", "read", "write"]));
    for id in server.app.store.clients().list().await.unwrap().iter().map(|client| client.id.as_str()) {
        server.change_client(id, |client| client.disabled_at = Some(client.created_at)).await;
    }
    assert_eq!(scopes().await, Value::Null, "no empty list");
    server.change_client(P1, |client| client.disabled_at = None).await;
    assert_eq!(scopes().await, json!(["email", "openid", "profile", "read", "write"]));
    for scope in scopes().await.as_array().unwrap() {
        server.login_asking(&[("scope", scope.as_str().unwrap())]).await.ok();
    }
}

/// RFC 8414 §2, §3.2, OpenID Connect Discovery §3: `response_types_supported` and `subject_types_supported` are REQUIRED. A claim with zero
/// elements MUST be omitted, and nothing is listed that isn't supported.
async fn no_list_is_empty_and_what_the_specifications_require_is_there(engine: Engine) {
    let server = TestServer::start(engine).await;
    let (oauth, openid) = (server.get(OAUTH).await.ok().json(), server.get(OPENID).await.ok().json());
    for document in [&oauth, &openid] {
        for (name, value) in document.as_object().unwrap() {
            assert!(!value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()), "{name}");
        }
        for required in ["issuer", "token_endpoint", "jwks_uri", "response_types_supported"] {
            assert!(document.get(required).is_some(), "{required}");
        }
        for absent in ["authorization_endpoint", "registration_endpoint", "code_challenge_methods_supported"] {
            assert_eq!(document.get(absent), None, "it isn't there");
        }
    }
    assert_eq!(openid["subject_types_supported"], json!(["public"]));
    for (name, value) in oauth.as_object().unwrap() {
        assert_eq!(openid[name], *value, "{name}");
    }
}

/// OpenID Connect Discovery §3: `claims_supported` is RECOMMENDED. It lists what `/userinfo` may return.
async fn the_claims_that_are_listed_are_those_that_are_told(engine: Engine) {
    let server = TestServer::start(engine).await;
    let metadata = server.get(OPENID).await.ok().json();
    let listed = metadata["claims_supported"].as_array().unwrap();
    let token = server.login().await;
    let told = server.get_with("/userinfo", &token.access_token()).await.ok().json();
    for name in told.as_object().unwrap().keys() {
        assert!(listed.contains(&json!(name)), "{name}");
    }
    assert!(listed.contains(&json!("email")) && !listed.contains(&json!("secret_note")));
    assert!(listed.contains(&json!("roles")), "by the scope of that name");
}

on_both_databases!(
    the_issuer_is_byte_for_byte_the_configured_one,
    the_well_known_segment_is_inserted_and_for_openid_appended_too,
    every_endpoint_is_listed_and_is_there,
    whatever_is_listed_is_taken,
    the_scopes_that_are_listed_are_those_that_somebody_may_have,
    no_list_is_empty_and_what_the_specifications_require_is_there,
    the_claims_that_are_listed_are_those_that_are_told,
);
