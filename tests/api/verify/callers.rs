//! Who may ask: gateways, by the address of their connection. Pages may not.

use reqwest::Method;

use crate::harness::{API, Engine, Logs, Settings, TestServer, on_both_databases};

fn http(settings: &str) -> Settings {
    Settings::with(&format!("[http]\nallowed_origins = []\n{settings}"))
}

async fn for_everybody_else_there_is_no_such_address(engine: Engine) {
    for settings in ["verify_from = []", "verify_from = ['198.51.100.0/24', '::/0', '127.0.0.2']"] {
        let server = TestServer::start_with(engine, http(settings)).await;
        let token = server.login().await.access_token();
        for path in ["/verify", "/verify?audience=*", "/verify/", "/verify/orders?audience=*"] {
            server.assert_hidden(path, |request| request).await;
            server.assert_hidden(path, |request| request.bearer_auth(&token)).await;
        }
    }
    let server = TestServer::start_with(engine, http("verify_from = ['198.51.100.0/24', '127.0.0.1/32']")).await;
    server.verify_for_api(&server.login().await.access_token()).await.no_content();
}

/// Gateways pass on what their clients say of themselves.
async fn what_forwarding_headers_say_changes_nothing(engine: Engine) {
    let trusting = "trusted_proxies = ['127.0.0.1']";
    for settings in ["", trusting] {
        let server = TestServer::start_with(engine, http(settings)).await;
        let token = server.login().await.access_token();
        for (name, value) in [
            ("x-forwarded-for", "198.51.100.7"),
            ("forwarded", "for=198.51.100.7"),
            ("x-real-ip", "198.51.100.7"),
            ("via", "1.1 gateway"),
        ] {
            let asked = server.request(Method::GET, &format!("/verify?audience={API}")).bearer_auth(&token);
            server.send(asked.header(name, value)).await.no_content();
        }
    }
    let settings = http(&format!("{trusting}\nverify_from = ['198.51.100.0/24']"));
    let server = TestServer::start_with(engine, settings).await;
    server.assert_hidden("/verify?audience=*", |request| request.header("x-forwarded-for", "198.51.100.7")).await;
}

/// A gateway may ask with the method of the request: an answer to a preflight would let every OPTIONS pass.
async fn no_page_is_answered(engine: Engine) {
    let server = TestServer::start(engine).await;
    let token = server.login().await.access_token();
    for path in [format!("/verify?audience={API}"), format!("/verify/orders?audience={API}")] {
        let asked = |method| server.request(method, &path).header("origin", "https://app.example.com");
        let preflight = || asked(Method::OPTIONS).header("access-control-request-method", "GET");
        for request in [asked(Method::OPTIONS), preflight(), asked(Method::GET)] {
            let answer = server.send(request).await;
            answer.refused(401, "invalid_token");
            assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{answer:?}");
        }
        let answer = server.send(preflight().bearer_auth(&token)).await;
        assert!(!answer.no_content().headers.contains_key("access-control-allow-origin"), "{answer:?}");
    }
}

async fn the_metadata_does_not_name_it(engine: Engine) {
    let server = TestServer::start(engine).await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        assert!(!server.get(path).await.ok().text.contains("verify"), "{path}");
    }
}

on_both_databases!(
    for_everybody_else_there_is_no_such_address,
    what_forwarding_headers_say_changes_nothing,
    no_page_is_answered,
    the_metadata_does_not_name_it,
);

#[tokio::test]
async fn the_log_names_the_setting_and_takes_no_gateway_for_a_proxy() {
    let logs = Logs::capture();
    let server = TestServer::start_with(Engine::Sqlite, http("verify_from = []")).await;
    let request = server.request(Method::GET, "/verify?audience=*").header("x-forwarded-for", "198.51.100.7");
    server.send(request).await.refused(404, "invalid_request");
    let text = logs.text();
    assert!(text.contains("127.0.0.1 is not in http.verify_from"), "{text}");
    assert!(!text.contains("http.trusted_proxies"), "{text}");
}
