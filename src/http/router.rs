//! Which address is answered by what. Everything lives under the issuer's path.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::error::OAuthError;
use super::{health, introspect, jwks, layers, login, logout, metadata, refresh, revoke, token, userinfo};
use crate::app::App;

/// The whole server.
pub fn router(app: &Arc<App>) -> Router {
    let prefix = app.config.issuer.path_prefix().to_owned();
    let endpoints = Router::new()
        .route("/login", post(login::login))
        .route("/refresh", post(refresh::refresh))
        .route("/logout", post(logout::logout))
        .route("/token", post(token::token))
        .route("/revoke", post(revoke::revoke))
        .route("/introspect", post(introspect::introspect))
        .route("/userinfo", get(userinfo::userinfo).post(userinfo::userinfo))
        .route("/jwks.json", get(jwks::jwks))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/.well-known/openid-configuration", get(metadata::openid_configuration));
    let endpoints = if prefix.is_empty() { endpoints } else { Router::new().nest(&prefix, endpoints) };
    // RFC 8414 §3.1 inserts its segment before the issuer's path; OpenID Connect Discovery §4.1 appends it.
    let endpoints = endpoints
        .route(&format!("/.well-known/oauth-authorization-server{prefix}"), get(metadata::authorization_server));
    let endpoints = if prefix.is_empty() {
        endpoints
    } else {
        endpoints.route(&format!("/.well-known/openid-configuration{prefix}"), get(metadata::openid_configuration))
    };
    let endpoints = endpoints
        .method_not_allowed_fallback(async || OAuthError::method_not_allowed())
        .fallback(async || OAuthError::not_found())
        .with_state(Arc::clone(app));
    layers::wrap(endpoints, app)
}
