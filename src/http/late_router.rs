//! The endpoints of a server that listens before it has its database. Until then it lives, and is not ready.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower::ServiceExt as _;

use super::client_address::resolve;
use super::error::OAuthError;
use super::health;
use super::layers::{self, Layers};
use super::server::{Handler, Peer};
use crate::config::Config;

/// Answers with the endpoints once they are there, and 503 before.
#[derive(Clone)]
pub struct LateRouter(Arc<Parts>);

struct Parts {
    config: Arc<Config>,
    starting: Router,
    endpoints: OnceLock<Layers>,
}

impl LateRouter {
    /// Without endpoints.
    pub fn new(config: &Arc<Config>) -> Self {
        let live = format!("{}{}", config.issuer.path_prefix(), health::LIVE);
        let starting = Router::new()
            .route(&live, get(health::live))
            .method_not_allowed_fallback(async || OAuthError::method_not_allowed())
            .fallback(async || OAuthError::unavailable(1, "the server is starting".to_owned()));
        Self(Arc::new(Parts { config: Arc::clone(config), starting, endpoints: OnceLock::new() }))
    }

    /// From here on `endpoints` answer.
    pub fn set(&self, endpoints: Layers) {
        // Only the first ones count, and nobody sets others.
        let _ = self.0.endpoints.set(endpoints);
    }
}

impl Handler for LateRouter {
    async fn answer(self, request: Request, Peer(peer): Peer) -> Response {
        if let Some(endpoints) = self.0.endpoints.get() {
            return endpoints.identified(request, peer).await;
        }
        let (begun, config) = (Instant::now(), &self.0.config);
        let address = resolve(peer, request.headers(), &config.http);
        let request_id = layers::request_id(config, peer, request.headers());
        let method = request.method().clone();
        let response = self.0.starting.clone().oneshot(request).await.into_response();
        layers::log(&response, layers::method_name(&method), "(starting)", address, &request_id, begun);
        layers::sealed(response, request_id, config)
    }
}
