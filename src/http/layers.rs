//! What every request passes through, outside in: identification and the log line, security headers, CORS, a limit in
//! time, panics. One function around the endpoints: a stack of boxed middleware costs as much as an endpoint.

mod cors;

use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use matchit::Router as Paths;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::cors::CorsLayer;

use super::client_address::{ClientAddress, is_unbelieved, resolve};
use super::error::{Cause, OAuthError};
use super::routes::{Caller, Route};
use super::server::{Handler, Peer};
use crate::app::App;
use crate::config::Config;
use crate::metrics::Answered;
use crate::random;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the log and the metrics call every path that no endpoint has.
const UNKNOWN: &str = "(none)";

/// The number of a request, as one of its extensions.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub String);

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
    /// Stands for the path in the log. A path that isn't ours may hold a secret that somebody put in the wrong place.
    template: &'static str,
    caller: Caller,
    answered: Arc<Answered>,
}

impl Handler for Layers {
    async fn answer(self, request: Request, Peer(peer): Peer) -> Response {
        self.identified(request, peer).await
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
            // A path that can't be added is none of `endpoints` either.
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
    /// Gives the request its address and its number, the answer its security headers, and the log its line.
    async fn identified(&self, mut request: Request, peer: SocketAddr) -> Response {
        let config = &self.app.config;
        let begun = Instant::now();
        let known = self.paths.at(request.uri().path()).map_or(&self.unknown, |found| found.value);
        // The headers of a gateway that asks about a token matter to nobody.
        if known.caller != Caller::Gateway {
            self.warn_of_unbelieved_proxies(peer, request.headers());
        }
        let address = resolve(peer, request.headers(), &config.http);
        let request_id = request_id(config, peer, request.headers());
        request.extensions_mut().insert(address);
        request.extensions_mut().insert(RequestId(request_id.clone()));
        let method = request.method().clone();
        let response = self.readable(known.caller, request).await;
        known.answered.count(response.status().as_u16(), begun.elapsed());
        log(&response, method_name(&method), known.template, address, &request_id, begun);
        sealed(response, request_id, config)
    }

    /// Once: a proxy that is missing in the configuration makes all users one, whose failures add up.
    fn warn_of_unbelieved_proxies(&self, peer: SocketAddr, headers: &HeaderMap) {
        let warned = &self.app.warned_of_proxy;
        let may_warn = !warned.load(Ordering::Relaxed) && is_unbelieved(peer, headers, &self.app.config.http);
        if may_warn && !warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                peer = %peer.ip(),
                "a request names the address of its client, but its sender is not in http.trusted_proxies: if it is your \
                 proxy, all users seem to share its address, and failures of one throttle all"
            );
        }
    }

    /// Lets the pages that may read the answer do so, whatever it is. A preflight is answered only where pages have business: a gateway
    /// asks `/verify` with the method of the request that it holds back, and every OPTIONS would pass without a token.
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
        // A request that panicked is gone, and what it shared with others takes care of itself.
        match AssertUnwindSafe(self.endpoints.clone().oneshot(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(panic) => after_panic(panic),
        }
    }
}

/// The panic's own text may hold anything, so it reaches nobody but the panic hook.
fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    OAuthError::server_error("a handler panicked".to_owned()).into_response()
}

/// A proxy of ours may have numbered the request; nobody else's number is taken over.
pub(super) fn request_id(config: &Config, peer: SocketAddr, headers: &HeaderMap) -> String {
    let from_proxy = config.http.trusted_proxies.iter().any(|net| net.contains(&peer.ip().to_canonical()));
    let sent = headers.get(REQUEST_ID).filter(|_| from_proxy).and_then(|id| id.to_str().ok());
    let is_plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    sent.filter(is_plain).map_or_else(|| random::uuid().to_string(), str::to_owned)
}

/// An answer with its request's number and the security headers.
pub(super) fn sealed(mut response: Response, request_id: String, config: &Config) -> Response {
    secure(response.headers_mut(), config.issuer.is_https());
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Adds each security header that the handler hasn't set: a page has a policy of its own.
fn secure(headers: &mut HeaderMap, is_https: bool) {
    let default = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    let over_tls = is_https.then_some((STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    for (name, value) in default.into_iter().chain(over_tls) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// A method that has a name of its own. Anybody can send another word, and as much of it as a head has room for.
pub(super) fn method_name(method: &Method) -> &str {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
        Method::TRACE,
    ];
    if known.contains(method) { method.as_str() } else { "(other)" }
}

/// What was refused is worth a line to anybody; what went well, ten thousand times a second, to whoever asks for it.
pub(super) fn log(
    response: &Response,
    method: &str,
    route: &str,
    address: ClientAddress,
    request_id: &str,
    begun: Instant,
) {
    let status = response.status();
    let cause = response.extensions().get::<Cause>().map(tracing::field::display);
    let milliseconds = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                %method, route, status = status.as_u16(), %address, request_id, milliseconds = milliseconds(), cause,
                "request"
            )
        };
    }
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        line!(error);
    } else if status.is_server_error() {
        line!(warn);
    } else if status.is_client_error() {
        line!(info);
    } else {
        line!(debug);
    }
}

#[cfg(test)]
mod tests;
