//! Server metadata: RFC 8414 and OpenID Connect Discovery.

use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::cacheable;
use super::error::OAuthError;
use crate::app::{App, Snapshot};
use crate::domain::{Client, Grant};
use crate::oauth::snapshot;

pub async fn authorization_server(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, OAuthError> {
    let document = document(&app, &*snapshot(&app)?);
    Ok(cacheable::json(&headers, Value::Object(document).to_string()))
}

/// Answers `GET /.well-known/openid-configuration`: the RFC's members and those of OpenID Connect.
pub async fn openid_configuration(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, OAuthError> {
    let mut document = document(&app, &*snapshot(&app)?);
    document.insert("subject_types_supported".to_owned(), json!(["public"]));
    document.insert("claims_supported".to_owned(), json!(claims(&app)));
    // Its default is true (OpenID Connect Discovery §3).
    document.insert("request_uri_parameter_supported".to_owned(), json!(false));
    Ok(cacheable::json(&headers, Value::Object(document).to_string()))
}

fn document(app: &App, registry: &Snapshot) -> Map<String, Value> {
    let issuer = app.config.issuer.as_str();
    let at = |path: &str| Value::String(format!("{issuer}{path}"));
    let members = [
        ("issuer", json!(issuer)),
        ("token_endpoint", at("/token")),
        ("token_endpoint_auth_methods_supported", json!(["client_secret_basic", "client_secret_post", "none"])),
        ("revocation_endpoint", at("/revoke")),
        ("revocation_endpoint_auth_methods_supported", json!(["client_secret_basic", "client_secret_post", "none"])),
        ("introspection_endpoint", at("/introspect")),
        (
            "introspection_endpoint_auth_methods_supported",
            json!(["client_secret_basic", "client_secret_post", "Bearer"]),
        ),
        ("userinfo_endpoint", at("/userinfo")),
        ("jwks_uri", at("/jwks.json")),
        ("login_endpoint", at("/login")),
        ("refresh_endpoint", at("/refresh")),
        ("logout_endpoint", at("/logout")),
        ("grant_types_supported", json!(Grant::ALL.map(Grant::as_str))),
        // The RFC wants the member and forbids it to be empty (§2, §3.2); without an authorization endpoint there is no
        // response, and `none` is the registered name of that.
        ("response_types_supported", json!(["none"])),
    ];
    let mut document: Map<String, Value> = members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    let of_client = |client: &Client| client.entitled(&client.scope).iter().map(str::to_owned).collect::<Vec<_>>();
    let scopes: BTreeSet<String> = registry.clients().flat_map(of_client).collect();
    if !scopes.is_empty() {
        document.insert("scopes_supported".to_owned(), json!(scopes));
    }
    document
}

/// The claims that `/userinfo` may answer.
fn claims(app: &App) -> BTreeSet<&str> {
    let listed = app.config.claims.scopes.values().flatten().map(String::as_str);
    iter::once("sub").chain(listed).collect()
}
