//! Handlers that do what none of ours does, and what the layers make of it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::routing::get;
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tokio::sync::Notify;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::PlainSecret;
use crate::http::server::{Limits, Server};
use crate::keys::MasterSecrets;
use crate::log_text::LogText;
use crate::store::Store;

const PEER: Peer = Peer(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1));

const SECRET: &str = "a-master-secret-of-this-test-long-enough";

async fn app(directory: &TempDir) -> Arc<App> {
    let toml = format!("secret = \"{SECRET}\"\n[passwords]\nmemory_kib = 8\nthreads = 1\n");
    let store = Store::open_sqlite(&directory.path().join("tokend.db")).await.unwrap();
    store.migrate(&crate::audit::AuditKeys::new([&[7; 32]])).await.unwrap();
    let secrets = MasterSecrets::new(&[PlainSecret::new(SECRET.to_owned())]).unwrap();
    App::build(Config::from_toml(&toml).unwrap(), Clock::manual(1_800_000_000), store, secrets).await.unwrap()
}

#[tokio::test]
async fn a_panic_is_a_500_in_json_and_the_end_of_nothing_else() {
    let directory = TempDir::new().unwrap();
    let endpoints = Router::new()
        .route("/panic", get(async || -> &'static str { panic!("the password is hunter2") }))
        .route("/fine", get(async || "fine"));
    let layers = Layers::around(endpoints, [], &app(&directory).await);
    for _ in 0..3 {
        let request = |path: &str| Request::get(path).body(Body::empty()).unwrap();
        let answer = layers.clone().answer(request("/panic"), PEER).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"error":"server_error","error_description":"The server has failed."}"#);
        assert_eq!(layers.clone().answer(request("/fine"), PEER).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_security_header_that_the_handler_sets_stays_as_it_is() {
    let directory = TempDir::new().unwrap();
    let page = async || ([(CONTENT_SECURITY_POLICY, "default-src 'self'"), (REFERRER_POLICY, "same-origin")], "a page");
    let endpoints = Router::new().route("/page", get(page));
    let layers = Layers::around(endpoints, [], &app(&directory).await);
    let answer = layers.answer(Request::get("/page").body(Body::empty()).unwrap(), PEER).await;
    let all = |name| answer.headers().get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(all(CONTENT_SECURITY_POLICY), ["default-src 'self'"]);
    assert_eq!(all(REFERRER_POLICY), ["same-origin"]);
    assert_eq!(all(X_CONTENT_TYPE_OPTIONS), ["nosniff"]);
}

#[tokio::test]
async fn a_full_server_warns_once_a_minute_and_names_each_refused_request_at_info() {
    let directory = TempDir::new().unwrap();
    let app = app(&directory).await;
    let layers = Layers::around(Router::new(), [], &app);
    let written = LogText::default();
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
        for seconds in [0, 0, 59, 1] {
            app.clock.advance(seconds);
            assert_eq!(layers.reject(None, PEER, Rejection::Full).status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    });
    let text = written.read();
    let levels: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(levels, ["WARN", "INFO", "INFO", "INFO", "WARN", "INFO"], "{text}");
    assert!(text.contains("cause=\"temporarily_unavailable: as many requests"), "{text}");
}

#[tokio::test]
async fn a_request_that_finds_the_server_full_has_an_id_and_is_counted() {
    let directory = TempDir::new().unwrap();
    let app = app(&directory).await;
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun_there, go_there) = (Arc::clone(&begun), Arc::clone(&go));
    let waits = async move || {
        begun_there.notify_one();
        go_there.notified().await;
        "done"
    };
    let layers = Layers::around(Router::new().route("/", get(waits)), [], &app);
    let long = Duration::from_mins(1);
    let limits = Limits { header_timeout: long, idle_timeout: long, shutdown_timeout: long, max_connections: 1 };
    let server = Server::bind(([127, 0, 0, 1], 0).into(), limits, None).await.unwrap();
    let address = format!("http://{}/", server.local_addr());
    tokio::spawn(server.run(layers, std::future::pending()));
    // HTTP/2: both go over one connection.
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let first = tokio::spawn(client.get(&address).send());
    begun.notified().await;
    let second = client.get(&address).send().await.unwrap();
    assert_eq!((second.status().as_u16(), &second.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert!(second.headers()["x-request-id"].len() == 36 && second.headers()[X_CONTENT_TYPE_OPTIONS] == "nosniff");
    go.notify_one();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    let counted = "\ntokend_requests_total{endpoint=\"(none)\",status=\"503\"} 1\n";
    assert!(app.render_metrics().contains(counted), "{}", app.render_metrics());
}
