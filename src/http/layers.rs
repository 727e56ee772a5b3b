//! What every request passes through, outside in: [`edge`], CORS, a time limit, a guard against panics. It is one function
//! around the endpoints, since a stack of boxed middleware costs as much as an endpoint.

mod cors;

use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ORIGIN, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use matchit::Router as Paths;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::CorsLayer;

use super::client_address::is_forwarded_by_a_stranger;
use super::edge::{self, UNKNOWN, method_name};
use super::error::OAuthError;
use super::routes::{Caller, Route};
use super::server::{Handler, Peer, Rejection};
use crate::app::App;
use crate::current_request;
use crate::metrics::Answered;

/// The endpoints, and what is around them.
#[derive(Clone)]
pub struct Layers(Arc<Parts>);

struct Parts {
    app: Arc<App>,
    endpoints: Router,
    /// The same paths as those of `endpoints`, by the same rules.
    paths: Paths<Known>,
    unknown: Known,
    cors: CorsLayer,
}

/// What is known of a request by its path.
struct Known {
    /// Shown in the log instead of the path, which may hold a secret that was put in the wrong place.
    template: &'static str,
    caller: Caller,
    answered: Arc<Answered>,
}

impl Handler for Layers {
    async fn answer(self, request: Request, Peer(peer): Peer) -> Response {
        self.identified(request, peer).await
    }

    fn reject(&self, request: Option<&Request>, Peer(peer): Peer, rejection: Rejection) -> Response {
        let begun = Instant::now();
        if rejection == Rejection::Full && self.0.app.full_reminder.is_due(self.0.app.clock.now()) {
            tracing::warn!(
                setting = "http.max_connections",
                "the limit of requests at once is reached: others are answered 503 until some end"
            );
        }
        let response = edge::reject(&self.0.app.config, request, peer, rejection);
        self.0.unknown.answered.count(response.status().as_u16(), begun.elapsed());
        response
    }
}

impl Layers {
    /// Puts the layers around `endpoints`, which have these paths.
    pub(super) fn around(
        endpoints: Router,
        routes: impl IntoIterator<Item = (String, &'static Route)>,
        app: &Arc<App>,
    ) -> Self {
        let requests = &app.metrics.requests;
        let mut paths = Paths::new();
        for (path, &Route { template, label, caller, .. }) in routes {
            // axum has refused a path that can't be added already.
            let _ = paths.insert(path, Known { template, caller, answered: requests.of(label) });
        }
        let unknown = Known { template: UNKNOWN, caller: Caller::Server, answered: requests.of(UNKNOWN) };
        let cors = cors::layer(&app.config);
        Self(Arc::new(Parts { app: Arc::clone(app), endpoints, paths, unknown, cors }))
    }

    /// The answer to one request.
    pub(super) fn identified(&self, request: Request, peer: SocketAddr) -> impl Future<Output = Response> {
        self.0.identified(request, peer)
    }
}

impl Parts {
    /// Answers one request, logs it and counts it.
    async fn identified(&self, mut request: Request, peer: SocketAddr) -> Response {
        let config = &self.app.config;
        let (begun, method) = (Instant::now(), method_name(request.method()));
        let known = self.paths.at(request.uri().path()).map_or(&self.unknown, |found| found.value);
        let context = edge::context(config, peer, request.headers(), known.template);
        request.extensions_mut().insert(context.clone());
        let work = pin!(async {
            // A gateway's forwarding headers are those of the request that it asks about.
            if known.caller != Caller::Gateway {
                self.warn_of_untrusted_proxy(peer, request.headers());
            }
            let response = self.readable(known.caller, request).await;
            known.answered.count(response.status().as_u16(), begun.elapsed());
            edge::finish(response, &context, method, begun, config)
        });
        current_request::scope(Arc::clone(&context.request_id), work).await
    }

    /// Warns once: behind a proxy that isn't configured all users have one address, and share its throttle.
    fn warn_of_untrusted_proxy(&self, peer: SocketAddr, headers: &HeaderMap) {
        let warned = &self.app.warned_of_proxy;
        let may_warn =
            !warned.load(Ordering::Relaxed) && is_forwarded_by_a_stranger(peer, headers, &self.app.config.http);
        if may_warn && !warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                peer = %peer.ip(),
                setting = "http.trusted_proxies",
                "a forwarded client address was ignored, since its sender is not in http.trusted_proxies: if it is your \
                 proxy, all users share its address and its throttle"
            );
        }
    }

    /// Adds CORS to routes for pages, errors included. No other route answers preflights: a gateway asks `/verify` with the method
    /// of the request that it holds back, and every OPTIONS would pass without a token.
    async fn readable(&self, caller: Caller, request: Request) -> Response {
        if caller != Caller::Page {
            return self.bounded(request).await;
        }
        if !cors::may_be_read(&self.app, request.headers()) {
            let mut response = self.bounded(request).await;
            // Or a shared cache hands one origin the answer for another.
            response.headers_mut().append(VARY, HeaderValue::from(ORIGIN));
            return response;
        }
        let bounded = service_fn(async |request| Ok::<_, Infallible>(self.bounded(request).await));
        let Ok(response) = self.cors.layer(bounded).oneshot(request).await;
        response
    }

    async fn bounded(&self, request: Request) -> Response {
        match tokio::time::timeout(self.app.config.http.request_timeout, self.caught(request)).await {
            Ok(response) => response,
            Err(_) => OAuthError::unavailable(1, "the request took too long".to_owned()).into_response(),
        }
    }

    async fn caught(&self, request: Request) -> Response {
        // Nothing that requests share is left broken by a panic.
        match AssertUnwindSafe(self.endpoints.clone().oneshot(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(panic) => after_panic(panic),
        }
    }
}

/// The panic's text may hold secrets, so only the panic hook sees it.
fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    OAuthError::server_error("a handler panicked".to_owned()).into_response()
}

#[cfg(test)]
mod tests;
