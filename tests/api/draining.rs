//! `http.drain`: what clients and a load balancer see of the real program between SIGTERM and its end.

use reqwest::Client;

use crate::harness::{Answer, Database, Engine, Program, Serving, on_both_databases};

async fn serving(engine: Engine, drain: &str) -> (Serving, Database) {
    let database = Database::new(engine).await;
    let program = Program::new().set("TOKEND_DATABASE", &database.url).set("TOKEND_HTTP__DRAIN", drain);
    (Serving::start(program, 1, 64), database)
}

async fn get(http: &Client, server: &Serving, path: &str) -> Answer {
    Answer::read(http.get(format!("http://{}{path}", server.address)).send().await.expect("it is served")).await
}

async fn a_server_that_drains_serves_everything_and_is_not_ready(engine: Engine) {
    let (server, _database) = serving(engine, "1h").await;
    let kept = Client::new();
    let answer = get(&kept, &server, "/health/ready").await;
    assert!(answer.ok().headers.get("connection").is_none());
    server.process.terminate();
    server.process.wait_for_log("http.drain");
    // The connection that was there before, and one that wasn't.
    for http in [kept, Client::new()] {
        let answer = get(&http, &server, "/health/ready").await;
        let refused = answer.refused(503, "temporarily_unavailable");
        assert_eq!((refused.header("retry-after"), refused.header("connection")), ("1", "close"));
        let answer = get(&http, &server, "/health/live").await;
        assert_eq!(answer.ok().header("connection"), "close");
    }
    let form = [("username", "alice"), ("password", crate::harness::PASSWORD)];
    let login = Client::new().post(format!("http://{}/login", server.address)).form(&form);
    let login = Answer::read(login.send().await.expect("it is served")).await;
    let form = [("refresh_token", login.refresh_token())];
    let refresh = Client::new().post(format!("http://{}/refresh", server.address)).form(&form);
    assert_eq!(Answer::read(refresh.send().await.expect("it is served")).await.ok().header("connection"), "close");
    let http2 = Client::builder().http2_prior_knowledge().build().unwrap();
    assert!(get(&http2, &server, "/jwks.json").await.ok().headers.get("connection").is_none());
    // A second signal ends it at once.
    let (status, _, _) = server.process.stop();
    assert_eq!(status.code(), Some(1));
}

async fn a_server_ends_by_itself_after_draining(engine: Engine) {
    let (server, _database) = serving(engine, "1s").await;
    let (status, _, log) = server.process.stop();
    assert!(status.success(), "{log}");
    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text}: {log}"));
    assert!(place("draining") < place("stopping") && place("stopping") < place("\"stopped\""));
}

async fn by_default_a_server_does_not_drain(engine: Engine) {
    let (server, _database) = serving(engine, "0s").await;
    let (status, _, log) = server.process.stop();
    assert!(status.success() && log.contains("\"stopped\"") && !log.contains("draining"), "{log}");
}

on_both_databases!(
    a_server_that_drains_serves_everything_and_is_not_ready,
    a_server_ends_by_itself_after_draining,
    by_default_a_server_does_not_drain,
);
