//! Which address is answered by what. Everything lives under the issuer's path.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use super::error::OAuthError;
use super::layers::Layers;
use super::{health, introspect, jwks, login, logout, metadata, refresh, revoke, token, userinfo};
use crate::app::App;

/// The whole server.
pub fn router(app: &Arc<App>) -> Layers {
    let routes = routes(app.config.issuer.path_prefix());
    let paths = routes.iter().map(|(path, _)| path.clone()).collect();
    let endpoints = routes.into_iter().fold(Router::new(), |router, (path, endpoint)| router.route(&path, endpoint));
    let endpoints = endpoints
        .method_not_allowed_fallback(async || OAuthError::method_not_allowed())
        .fallback(async || OAuthError::not_found())
        .with_state(Arc::clone(app));
    Layers::around(endpoints, paths, app)
}

fn routes(prefix: &str) -> Vec<(String, MethodRouter<Arc<App>>)> {
    let below = [
        ("/login", post(login::login)),
        ("/refresh", post(refresh::refresh)),
        ("/logout", post(logout::logout)),
        ("/token", post(token::token)),
        ("/revoke", post(revoke::revoke)),
        ("/introspect", post(introspect::introspect)),
        ("/userinfo", get(userinfo::userinfo).post(userinfo::userinfo)),
        ("/jwks.json", get(jwks::jwks)),
        ("/health/live", get(health::live)),
        ("/health/ready", get(health::ready)),
        ("/.well-known/openid-configuration", get(metadata::openid_configuration)),
    ];
    // RFC 8414 §3.1 inserts its segment before the issuer's path; OpenID Connect Discovery §4.1 appends it.
    let inserted = [
        ("/.well-known/oauth-authorization-server", get(metadata::authorization_server)),
        ("/.well-known/openid-configuration", get(metadata::openid_configuration)),
    ];
    let below = below.into_iter().map(|(path, endpoint)| (format!("{prefix}{path}"), endpoint));
    let inserted = inserted.into_iter().map(|(path, endpoint)| (format!("{path}{prefix}"), endpoint));
    let mut routes: Vec<_> = below.chain(inserted).collect();
    // Without a prefix the two are one.
    routes.sort_by(|one, other| one.0.cmp(&other.0));
    routes.dedup_by(|one, other| one.0 == other.0);
    routes
}
