//! The table of routes. An endpoint is a row here, and a file with its handler.

use std::sync::Arc;

use axum::routing::{MethodRouter, any, get, post};

use super::{health, introspect, jwks, login, logout, metadata, metrics, refresh, revoke, token, userinfo, verify};
use crate::app::App;

pub(super) const ROUTES: &[Route] = &[
    Route::new("/login", || post(login::login)).asked_by(Caller::Page),
    Route::new("/refresh", || post(refresh::refresh)).asked_by(Caller::Page),
    Route::new("/logout", || post(logout::logout)).asked_by(Caller::Page),
    Route::new("/token", || post(token::token)).asked_by(Caller::Page),
    Route::new("/revoke", || post(revoke::revoke)).asked_by(Caller::Page),
    Route::new("/introspect", || post(introspect::introspect)),
    Route::new("/verify", || any(verify::verify)).asked_by(Caller::Gateway),
    // A gateway may append the path of the request that it asks about.
    Route::new("/verify/", || any(verify::verify)).asked_by(Caller::Gateway).counted_as("/verify"),
    Route::new("/verify/{*path}", || any(verify::verify)).asked_by(Caller::Gateway).counted_as("/verify"),
    Route::new("/userinfo", || get(userinfo::userinfo).post(userinfo::userinfo)).asked_by(Caller::Page),
    Route::new("/jwks.json", || get(jwks::jwks)).asked_by(Caller::Page),
    // RFC 8414 §3.1 inserts its segment before the issuer's path; OpenID Connect Discovery §4.1 appends it.
    Route::new("/.well-known/oauth-authorization-server", || get(metadata::authorization_server))
        .at(Place::BeforeIssuersPath)
        .asked_by(Caller::Page),
    Route::new("/.well-known/openid-configuration", || get(metadata::openid_configuration))
        .at(Place::Both)
        .asked_by(Caller::Page),
    Route::new(health::LIVE, || get(health::live)),
    Route::new(health::READY, || get(health::ready)),
    // Clients that may not read it get 404 for every method.
    Route::new("/metrics", || any(metrics::metrics)),
];

pub(super) struct Route {
    /// The path without the issuer's, in axum's syntax (`/x/{id}`). The log shows it instead of the path that was asked for.
    pub(super) template: &'static str,
    /// The `endpoint` of the metrics.
    pub(super) label: &'static str,
    pub(super) caller: Caller,
    place: Place,
    handler: fn() -> MethodRouter<Arc<App>>,
}

/// Who asks an endpoint, besides apps that aren't pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Servers and operators only. No page can read the answers.
    Server,
    /// Pages too, by CORS.
    Page,
    /// Gateways, which pass on the headers of somebody else's request.
    Gateway,
}

/// Where a template goes if the issuer has a path.
#[derive(Clone, Copy)]
enum Place {
    BelowIssuersPath,
    BeforeIssuersPath,
    Both,
}

impl Route {
    const fn new(template: &'static str, handler: fn() -> MethodRouter<Arc<App>>) -> Self {
        Self { template, label: template, caller: Caller::Server, place: Place::BelowIssuersPath, handler }
    }

    const fn counted_as(self, label: &'static str) -> Self {
        Self { label, ..self }
    }

    const fn asked_by(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    pub(super) fn handler(&self) -> MethodRouter<Arc<App>> {
        (self.handler)()
    }

    /// The paths of the route on a server whose issuer has the path `prefix`.
    pub(super) fn paths(&self, prefix: &str) -> Vec<String> {
        let (below, before) = (format!("{prefix}{}", self.template), format!("{}{prefix}", self.template));
        match self.place {
            Place::BeforeIssuersPath => vec![before],
            Place::Both if below != before => vec![below, before],
            Place::BelowIssuersPath | Place::Both => vec![below],
        }
    }
}
