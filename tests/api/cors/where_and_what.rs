//! Where CORS is answered, for whom, and which header fields pages may send.

use reqwest::{Method, RequestBuilder};
use tokend::domain::Client;

use super::{APP, FOR_PAGES, preflight};
use crate::harness::{ADMIN, Answer, Engine, P1, Settings, TestServer, on_both_databases, public};

const ISSUER: &str = "https://auth.example.com";
const SHOP: &str = "https://shop.example.com";

#[track_caller]
fn has_no_cors(answer: &Answer) {
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{answer:?}");
}

async fn only_endpoints_for_pages_answer_cors(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in FOR_PAGES {
        assert_eq!(preflight(&server, path, APP).await.ok().header("access-control-allow-origin"), APP, "{path}");
    }
    for path in ["/introspect", "/metrics", "/health/live", "/health/ready", "/nowhere"] {
        has_no_cors(&preflight(&server, path, APP).await);
        for method in [Method::GET, Method::POST] {
            has_no_cors(&server.send(server.request(method, path).header("origin", APP)).await);
        }
    }
}

async fn the_same_holds_under_an_issuers_path(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::default().with_issuer("https://auth.example.com/a")).await;
    let at_root = "/.well-known/oauth-authorization-server/a";
    let ask = |path| server.request_at_root(Method::GET, path).header("origin", APP);
    assert_eq!(server.send(ask(at_root)).await.ok().header("access-control-allow-origin"), APP);
    for path in FOR_PAGES.into_iter().filter(|path| !path.ends_with("authorization-server")) {
        assert_eq!(preflight(&server, path, APP).await.ok().header("access-control-allow-origin"), APP, "{path}");
    }
    has_no_cors(&preflight(&server, "/introspect", APP).await);
}

/// The configured ones, the issuer's, and those of every client that isn't disabled, as the registry has them at each request.
async fn the_origins_are_those_of_the_configuration_and_of_all_clients(engine: Engine) {
    let server = TestServer::start(engine).await;
    let may_read = async |origin: &str| {
        let answer = preflight(&server, "/refresh", origin).await;
        answer.header("access-control-allow-origin") == origin
    };
    assert!(may_read(APP).await && may_read(ISSUER).await && !may_read(SHOP).await);
    server.add_client(Client { allowed_origins: vec![SHOP.to_owned()], ..public("shop") }).await;
    assert!(may_read(SHOP).await);
    server.change_client("shop", |client| client.disabled_at = Some(1)).await;
    assert!(!may_read(SHOP).await);
    server.change_client("shop", |client| client.disabled_at = None).await;
    assert!(may_read(SHOP).await);
    server.change_client("shop", |client| client.allowed_origins.clear()).await;
    assert!(!may_read(SHOP).await);
}

async fn pages_may_send_the_configured_header_fields(engine: Engine) {
    let allowed = async |settings| {
        let server = TestServer::start_with(engine, settings).await;
        let answer = preflight(&server, "/refresh", APP).await;
        answer.header("access-control-allow-headers").to_ascii_lowercase()
    };
    assert_eq!(allowed(Settings::default()).await, "authorization,content-type");
    let more = "[http]\nallowed_headers = ['authorization', 'Content-Type', 'traceparent', 'baggage']";
    assert_eq!(allowed(Settings::with(more)).await, "authorization,content-type,traceparent,baggage");
}

async fn a_page_may_revoke_tokens_and_nothing_else(engine: Engine) {
    let server = TestServer::start(engine).await;
    let login = server.login().await;
    let session = login.claims()["sid"].as_str().expect("a session").to_owned();
    let (user, revoke) = (server.alice.to_string(), |form: &[(&str, &str)]| -> RequestBuilder {
        server.request(Method::POST, "/revoke").header("origin", APP).form(form)
    });
    for form in [("sid", session.as_str()), ("sub", &user), ("username", "alice"), ("of_client", P1)] {
        let request = revoke(&[form]).basic_auth(ADMIN.0, Some(ADMIN.1));
        server.send(request).await.refused(403, "invalid_request");
        server.send(revoke(&[form, ("client_id", P1)])).await.refused(403, "invalid_request");
    }
    server.introspect(&login.access_token()).await.active();
    let answer = server.send(revoke(&[("client_id", P1), ("token", &login.refresh_token())])).await;
    assert_eq!(answer.ok().header("access-control-allow-origin"), APP);
    server.introspect(&login.access_token()).await.inactive();
    server.post_as(ADMIN, "/revoke", &[("username", "alice")]).await.revoked(0);
}

on_both_databases!(
    only_endpoints_for_pages_answer_cors,
    the_same_holds_under_an_issuers_path,
    the_origins_are_those_of_the_configuration_and_of_all_clients,
    pages_may_send_the_configured_header_fields,
    a_page_may_revoke_tokens_and_nothing_else,
);
