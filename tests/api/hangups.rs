//! SIGHUP, as a tool that renews certificates sends it to the real program: it never ends the server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::CertifiedKey;
use reqwest::{Certificate, Client};

use crate::harness::{Program, Serving, make_pipe};

/// A fresh certificate for `localhost`, written over whatever is in `directory`.
pub fn issue(directory: &Path) -> Certificate {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(directory.join("tls.crt"), cert.pem()).unwrap();
    fs::write(directory.join("tls.key"), signing_key.serialize_pem()).unwrap();
    fs::set_permissions(directory.join("tls.key"), fs::Permissions::from_mode(0o600)).unwrap();
    Certificate::from_pem(cert.pem().as_bytes()).unwrap()
}

/// Whether a new connection is shown this certificate.
async fn shows(server: &Serving, certificate: &Certificate) -> bool {
    let client = Client::builder().tls_certs_only([certificate.clone()]).no_proxy().build().unwrap();
    let port = server.address.rsplit(':').next().unwrap();
    client.get(format!("https://localhost:{port}/health/live")).send().await.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_served_and_a_broken_one_is_named() {
    let program = Program::new().set("TOKEND_HTTP__TLS_CERTIFICATE", "tls.crt").set("TOKEND_HTTP__TLS_KEY", "tls.key");
    let old = issue(program.directory());
    let server = Serving::start(program, 1, 64);
    assert!(!server.log.iter().any(|line| line.contains("everybody can read")), "{:?}", server.log);
    assert!(shows(&server, &old).await);

    let new = issue(server.program.directory());
    assert!(shows(&server, &old).await && !shows(&server, &new).await, "nobody has said so yet");
    server.process.hang_up();
    server.process.wait_for_log("the TLS certificate was read again");
    assert!(shows(&server, &new).await && !shows(&server, &old).await);

    fs::write(server.program.directory().join("tls.key"), "not a key").unwrap();
    server.process.hang_up();
    let line = server.process.wait_for_log("could not read the TLS certificate; keeping the one in use");
    assert!(line.contains("\"ERROR\"") && line.contains("tls.key"), "{line}");
    assert!(shows(&server, &new).await);
    let (status, _, log) = server.process.stop();
    assert!(status.success() && log.contains("\"stopped\""), "{status:?} {log}");
}

/// Reading it would never end, and nobody would be served.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_the_place_of_a_tls_file_is_named_and_not_waited_for() {
    let program = Program::new().set("TOKEND_HTTP__TLS_CERTIFICATE", "tls.crt").set("TOKEND_HTTP__TLS_KEY", "tls.key");
    let certificate = issue(program.directory());
    let server = Serving::start(program, 1, 64);
    for name in ["tls.key", "tls.crt"] {
        let path = server.program.directory().join(name);
        fs::remove_file(&path).unwrap();
        make_pipe(&path);
        server.process.hang_up();
        let line = server.process.wait_for_log("could not read the TLS certificate; keeping the one in use");
        assert!(line.contains(&format!("{name}: it is a pipe, not a regular file")), "{line}");
        assert!(shows(&server, &certificate).await);
    }
    assert!(server.process.stop().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_it_is_ignored() {
    let server = Serving::start(Program::new(), 1, 64);
    for _ in 0..2 {
        server.process.hang_up();
        server.process.wait_for_log("SIGHUP is ignored");
    }
    let answer = reqwest::get(format!("http://{}/health/live", server.address)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(server.process.stop().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_everybody_can_read_is_warned_of() {
    let program = Program::new().set("TOKEND_HTTP__TLS_CERTIFICATE", "tls.crt").set("TOKEND_HTTP__TLS_KEY", "tls.key");
    issue(program.directory());
    fs::set_permissions(program.directory().join("tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let server = Serving::start(program, 1, 64);
    let line = server.log.iter().find(|line| line.contains("everybody can read the TLS key")).unwrap();
    assert!(line.contains("\"WARN\"") && line.contains("tls.key"), "{line}");
    server.process.hang_up();
    server.process.wait_for_log("everybody can read the TLS key");
}
