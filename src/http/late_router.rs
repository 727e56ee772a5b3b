//! The endpoints of a server that listens before it has its database. Until then it is live and not ready.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower::ServiceExt as _;

use super::edge::{self, method_name};
use super::error::OAuthError;
use super::health;
use super::layers::Layers;
use super::server::{Handler, Peer, Rejection};
use crate::config::Config;
use crate::current_request;

/// The route of all requests until then, in the log.
const STARTING: &str = "(starting)";

/// Answers 503 until the endpoints are set.
#[derive(Clone)]
pub struct LateRouter(Arc<Parts>);

struct Parts {
    config: Arc<Config>,
    starting: Router,
    endpoints: OnceLock<Layers>,
}

impl LateRouter {
    /// Without endpoints yet.
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
        // They are set once.
        let _ = self.0.endpoints.set(endpoints);
    }
}

impl Handler for LateRouter {
    async fn answer(self, request: Request, Peer(peer): Peer) -> Response {
        if let Some(endpoints) = self.0.endpoints.get() {
            return endpoints.identified(request, peer).await;
        }
        let (begun, config, method) = (Instant::now(), &self.0.config, method_name(request.method()));
        let context = edge::context(config, peer, request.headers(), STARTING);
        let work = pin!(async {
            let response = self.0.starting.clone().oneshot(request).await.into_response();
            edge::finish(response, &context, method, begun, config)
        });
        current_request::scope(Arc::clone(&context.request_id), work).await
    }

    fn reject(&self, request: Option<&Request>, peer: Peer, rejection: Rejection) -> Response {
        match self.0.endpoints.get() {
            Some(endpoints) => endpoints.reject(request, peer, rejection),
            None => edge::reject(&self.0.config, request, peer.0, rejection),
        }
    }
}
