//! Which address is answered by what. Everything lives under the issuer's path.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, any, get, post};

use super::error::OAuthError;
use super::layers::{BELOW, Layers};
use super::{health, introspect, jwks, login, logout, metadata, metrics, refresh, revoke, token, userinfo, verify};
use crate::app::App;
use crate::metrics::Endpoint;

/// An address, what the log and the metrics call it, and what answers.
type Route = (String, Endpoint, MethodRouter<Arc<App>>);

/// The whole server.
pub fn router(app: &Arc<App>) -> Layers {
    let routes = routes(app.config.issuer.path_prefix());
    let paths = routes.iter().map(|(path, endpoint, _)| (path.clone(), *endpoint)).collect();
    let endpoints =
        routes.into_iter().fold(Router::new(), |router, (path, _, answering)| router.route(&path, answering));
    let endpoints = endpoints
        .method_not_allowed_fallback(async || OAuthError::method_not_allowed())
        .fallback(async || OAuthError::not_found())
        .with_state(Arc::clone(app));
    Layers::around(endpoints, paths, app)
}

fn routes(prefix: &str) -> Vec<Route> {
    let below = [
        (Endpoint::Login, post(login::login)),
        (Endpoint::Refresh, post(refresh::refresh)),
        (Endpoint::Logout, post(logout::logout)),
        (Endpoint::Token, post(token::token)),
        (Endpoint::Revoke, post(revoke::revoke)),
        (Endpoint::Introspect, post(introspect::introspect)),
        (Endpoint::Userinfo, get(userinfo::userinfo).post(userinfo::userinfo)),
        (Endpoint::Jwks, get(jwks::jwks)),
        (Endpoint::Live, get(health::live)),
        (Endpoint::Ready, get(health::ready)),
        // Its 405 too is only for those who may read it.
        (Endpoint::Metrics, any(metrics::metrics)),
        (Endpoint::OpenidConfiguration, get(metadata::openid_configuration)),
    ];
    // RFC 8414 §3.1 inserts its segment before the issuer's path; OpenID Connect Discovery §4.1 appends it.
    let inserted = [
        (Endpoint::AuthorizationServer, get(metadata::authorization_server)),
        (Endpoint::OpenidConfiguration, get(metadata::openid_configuration)),
    ];
    let below =
        below.into_iter().map(|(endpoint, answering)| (format!("{prefix}{}", endpoint.path()), endpoint, answering));
    let inserted =
        inserted.into_iter().map(|(endpoint, answering)| (format!("{}{prefix}", endpoint.path()), endpoint, answering));
    let mut routes: Vec<_> = below.chain(inserted).chain(for_gateways(prefix)).collect();
    // Without a prefix the two are one.
    routes.sort_by(|one, other| one.0.cmp(&other.0));
    routes.dedup_by(|one, other| one.0 == other.0);
    routes
}

/// A gateway may append the path of the request that it asks about.
fn for_gateways(prefix: &str) -> impl Iterator<Item = Route> {
    let verify = format!("{prefix}{}", Endpoint::Verify.path());
    let paths = [verify.clone(), format!("{verify}/"), format!("{verify}/{BELOW}")];
    paths.into_iter().map(|path| (path, Endpoint::Verify, any(verify::verify)))
}
