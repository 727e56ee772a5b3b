//! `tokend health`, asked beside the real program.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use rcgen::CertifiedKey;

use crate::harness::{Program, Serving};

/// A program that is asked for the health of the server at `address`. It has neither a database nor a master secret.
fn asking(address: &str) -> Program {
    Program::new()
        .set("TOKEND_LISTEN", address)
        .set("TOKEND_DATABASE", "postgres://u@127.0.0.1:1/x")
        .set("TOKEND_SECRET_FILE", "not/there")
        .set("TOKEND_ISSUER", "https://auth.example.com/auth")
}

fn serving(program: Program) -> Serving {
    Serving::start(program.set("TOKEND_ISSUER", "https://auth.example.com/auth"), 1, 64)
}

#[test]
fn a_server_is_live_and_ready_until_it_stops() {
    let server = serving(Program::new());
    let (health, address) = (asking(&server.address), server.address.clone());
    health.run(&["health"]).said(&format!("the server at {address} is live"));
    health.run(&["health", "--ready"]).said(&format!("the server at {address} is ready"));
    let elsewhere = asking(&address).set("TOKEND_ISSUER", "https://auth.example.com");
    elsewhere.run(&["health"]).refused(&format!("the server at {address} is not live: it answered 404"));
    server.process.stop();
    health.run(&["health"]).refused(&format!("the server at {address} is not live: Connection refused"));
    health.run(&["health", "--ready"]).refused("is not ready");
}

#[test]
fn a_server_that_drains_is_live_and_not_ready() {
    let server = serving(Program::new().set("TOKEND_HTTP__DRAIN", "1h"));
    let health = asking(&server.address);
    server.process.terminate();
    server.process.wait_for_log("http.drain");
    health.run(&["health"]).ok();
    health.run(&["health", "--ready"]).refused("it answered 503");
}

#[test]
fn a_server_with_tls_is_asked_by_tls() {
    let program = Program::new();
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["auth.example.com".to_owned()]).unwrap();
    let (certificate, key) = (program.directory().join("cert.pem"), program.directory().join("key.pem"));
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let with_tls = |program: Program| {
        let program = program.set("TOKEND_HTTP__TLS_CERTIFICATE", certificate.to_str().unwrap());
        program.set("TOKEND_HTTP__TLS_KEY", key.to_str().unwrap())
    };
    let server = serving(with_tls(program));
    let health = with_tls(asking(&server.address));
    health.run(&["health"]).ok();
    health.run(&["health", "--ready"]).ok();
    asking(&server.address).run(&["health"]).refused("is not live");
}

#[test]
fn what_does_not_answer_is_not_live() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let health = asking(&silent.local_addr().unwrap().to_string());
    let begun = Instant::now();
    health.run(&["health"]).refused("no answer within");
    assert!(begun.elapsed() < Duration::from_secs(20));
    health.set("TOKEND_LISTEN", "127.0.0.1:0").run(&["health"]).refused("port 0");
}
