//! The metadata documents, beyond what RFC 8414 asks for.

use serde_json::json;

use crate::harness::{Engine, Settings, TestServer, on_both_databases};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

async fn the_whole_of_it(engine: Engine) {
    let server = TestServer::start(engine).await;
    let at = |path: &str| format!("https://auth.example.com{path}");
    let methods = ["client_secret_basic", "client_secret_post", "none"];
    let oauth = json!({
        "issuer": "https://auth.example.com",
        "token_endpoint": at("/token"),
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint": at("/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint": at("/introspect"),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "Bearer"],
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/jwks.json"),
        "login_endpoint": at("/login"),
        "refresh_endpoint": at("/refresh"),
        "logout_endpoint": at("/logout"),
        "grant_types_supported": ["password", "refresh_token", "client_credentials"],
        "response_types_supported": ["none"],
        "scopes_supported": ["email", "introspect", "openid", "profile", "read", "write"],
    });
    let answer = server.get(OAUTH).await;
    assert_eq!((answer.ok().json(), answer.header("content-type")), (oauth.clone(), "application/json"));
    let mut openid = server.get(OPENID).await.ok().json();
    let more = openid.as_object_mut().unwrap();
    assert_eq!(more.remove("subject_types_supported"), Some(json!(["public"])));
    assert_eq!(more.remove("request_uri_parameter_supported"), Some(json!(false)));
    assert!(more.remove("claims_supported").is_some());
    assert_eq!(openid, oauth);
}

async fn nothing_of_it_comes_from_the_request(engine: Engine) {
    let server = TestServer::start(engine).await;
    let usual = server.get(OAUTH).await.text;
    let request = server.request(reqwest::Method::GET, OAUTH).header("host", "evil.example");
    let request = request.header("x-forwarded-host", "evil.example").header("x-forwarded-proto", "http");
    let answer = server.send(request.header("forwarded", "host=evil.example").header("x-forwarded-prefix", "/x")).await;
    assert_eq!(answer.ok().text, usual);
    assert!(!usual.contains("evil") && !usual.contains("127.0.0.1"));
}

async fn the_operators_claims_are_listed(engine: Engine) {
    let settings = Settings::with("[claims]\naccess_token = ['roles', 'tenant']\nscopes = { staff = ['desk'] }");
    let server = TestServer::start_with(engine, settings).await;
    let listed = server.get(OPENID).await.ok().json()["claims_supported"].clone();
    assert_eq!(listed, json!(["desk", "sub"]), "those that /userinfo answers");
}

on_both_databases!(the_whole_of_it, nothing_of_it_comes_from_the_request, the_operators_claims_are_listed);
