//! For the operator's monitoring only. For everybody else there is no such address.

use reqwest::{Method, RequestBuilder};

use crate::harness::{Answer, Engine, Settings, TestServer, on_both_databases};

impl TestServer {
    /// The same answer as where nothing is, for every method.
    pub(crate) async fn assert_hidden(&self, path: &str, asked: impl Fn(RequestBuilder) -> RequestBuilder) {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            let send = async |path| {
                let method = method.parse::<Method>().expect("a method");
                self.send(asked(self.request(method, path))).await
            };
            let (hidden, nowhere) = (send(path).await, send("/nowhere").await);
            assert_eq!(hidden.without_the_incidental(), nowhere.without_the_incidental(), "{method}");
            assert_eq!(hidden.status, 404, "{method}");
        }
    }

    async fn metrics_for(&self, header: &str, text: &str) -> Answer {
        self.send(self.request(Method::GET, "/metrics").header(header, text)).await
    }
}

fn http(settings: &str) -> Settings {
    Settings::with(&format!("[http]\nallowed_origins = []\n{settings}"))
}

async fn this_machine_may_read_it_and_nobody_may_keep_it(engine: Engine) {
    let server = TestServer::start(engine).await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.ok().header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-store");
    let head = server.send(server.request(Method::HEAD, "/metrics")).await;
    assert_eq!((head.ok().text.as_str(), head.header("content-type")), ("", answer.header("content-type")));
    let posted = server.post("/metrics", &[]).await;
    assert_eq!(posted.refused(405, "invalid_request").header("allow"), "GET,HEAD");
}

/// A proxy on this machine that isn't configured must not show it to the world.
async fn what_an_unknown_proxy_passes_on_is_a_strangers(engine: Engine) {
    for settings in ["", "metrics_from = ['0.0.0.0/0', '::/0']"] {
        let server = TestServer::start_with(engine, http(settings)).await;
        for header in ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-proto"] {
            for text in ["198.51.100.7", "127.0.0.1", "for=127.0.0.1", ""] {
                server.assert_hidden("/metrics", |request| request.header(header, text)).await;
            }
        }
        server.get("/metrics").await.ok();
    }
}

async fn behind_a_trusted_proxy_its_word_decides(engine: Engine) {
    let server = TestServer::start_with(engine, http("trusted_proxies = ['127.0.0.1']")).await;
    for said in ["198.51.100.7", "127.0.0.1, 198.51.100.7", "unknown", "", "127.0.0.1", "::1", "127.0.0.2"] {
        server.assert_hidden("/metrics", |request| request.header("x-forwarded-for", said)).await;
    }
    // The header that this proxy doesn't write may come through it from anybody.
    server.assert_hidden("/metrics", |request| request.header("forwarded", "for=127.0.0.1")).await;
    server.get("/metrics").await.ok();
}

async fn the_operator_says_who_may_read_it(engine: Engine) {
    let settings = "trusted_proxies = ['127.0.0.1']\nmetrics_from = ['198.51.100.0/24']";
    let server = TestServer::start_with(engine, http(settings)).await;
    server.metrics_for("x-forwarded-for", "198.51.100.7").await.ok();
    server.metrics_for("x-forwarded-for", "127.0.0.1, 198.51.100.255").await.ok();
    server.assert_hidden("/metrics", |request| request.header("x-forwarded-for", "198.51.101.7")).await;
    server.assert_hidden("/metrics", |request| request.header("x-forwarded-for", "198.51.100.7, 203.0.113.1")).await;
    server.assert_hidden("/metrics", |request| request).await;

    let everybody = http("trusted_proxies = ['127.0.0.1']\nmetrics_from = ['0.0.0.0/0']");
    let server = TestServer::start_with(engine, everybody).await;
    server.metrics_for("x-forwarded-for", "203.0.113.1").await.ok();
    server.get("/metrics").await.ok();

    let server = TestServer::start_with(engine, http("metrics_from = []")).await;
    server.assert_hidden("/metrics", |request| request).await;
}

async fn it_lies_under_the_issuers_path(engine: Engine) {
    let server = TestServer::start_with(engine, Settings::default().with_issuer("https://example.com/v1/auth")).await;
    let text = server.get("/metrics").await.ok().text.clone();
    assert!(text.contains(r#"endpoint="/metrics""#) && !text.contains("auth/"), "{text}");
    server.send(server.request_at_root(Method::GET, "/metrics")).await.refused(404, "invalid_request");
}

/// It is needed most when something is wrong, and it says how long that has been so.
async fn it_is_there_without_the_database(engine: Engine) {
    let server = TestServer::start(engine).await;
    server.app.store.close().await;
    server.app.registry.refresh().await.unwrap_err();
    server.get("/health/ready").await.refused(503, "temporarily_unavailable");
    let age = async || server.metrics().await.value("tokend_registry_age_seconds");
    let (first, second) = (age().await, age().await);
    assert!(first < second, "{first} {second}");
}

async fn the_age_is_that_of_the_last_reading(engine: Engine) {
    let server = TestServer::start(engine).await;
    let begun = std::time::Instant::now();
    server.app.registry.refresh().await.unwrap();
    let age = server.metrics().await.value("tokend_registry_age_seconds");
    assert!(age > 0.0 && age < begun.elapsed().as_secs_f64(), "{age}");
}

on_both_databases!(
    this_machine_may_read_it_and_nobody_may_keep_it,
    what_an_unknown_proxy_passes_on_is_a_strangers,
    behind_a_trusted_proxy_its_word_decides,
    the_operator_says_who_may_read_it,
    it_lies_under_the_issuers_path,
    it_is_there_without_the_database,
    the_age_is_that_of_the_last_reading,
);
