//! The server's routes on the paths that its issuer gives them.

use std::sync::Arc;

use axum::Router;

use super::error::OAuthError;
use super::layers::Layers;
use super::routes::ROUTES;
use crate::app::App;

/// The whole server.
pub fn router(app: &Arc<App>) -> Layers {
    let prefix = app.config.issuer.path_prefix();
    let routes: Vec<_> =
        ROUTES.iter().flat_map(|route| route.paths(prefix).into_iter().map(move |path| (path, route))).collect();
    let endpoints = routes.iter().fold(Router::new(), |router, (path, route)| router.route(path, route.handler()));
    let endpoints = endpoints
        .method_not_allowed_fallback(async || OAuthError::method_not_allowed())
        .fallback(async || OAuthError::not_found())
        .with_state(Arc::clone(app));
    Layers::around(endpoints, routes, app)
}
