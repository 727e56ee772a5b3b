//! Certificates: what a client is shown, what is refused at the start, and what happens when one is renewed.

use std::fs;
use std::path::Path;

use rcgen::CertifiedKey;
use reqwest::{Certificate, Client, Version};
use tempfile::TempDir;

use super::*;

/// A fresh certificate for `localhost`, written over whatever is in `dir`, and its PEM.
fn issue(dir: &TempDir) -> (TlsFiles, String) {
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    fs::write(&files.certificate, cert.pem()).unwrap();
    fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    (files, cert.pem())
}

/// A new client, and so a new connection, that trusts `certificate` only.
fn client(certificate: &str) -> reqwest::ClientBuilder {
    Client::builder().tls_certs_only([Certificate::from_pem(certificate.as_bytes()).unwrap()]).no_proxy()
}

async fn ask(client: reqwest::ClientBuilder, server: &Started) -> Result<(Version, String), reqwest::Error> {
    let url = format!("https://localhost:{}/", server.address.port());
    let answer = in_time(client.build().unwrap().get(url).send()).await?;
    Ok((answer.version(), answer.text().await?))
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls() {
    let dir = TempDir::new().unwrap();
    let (files, certificate) = issue(&dir);
    let server = start(LIMITS, Some(files), hello()).await;
    let answer = ask(client(&certificate), &server).await.unwrap();
    assert_eq!(answer, (Version::HTTP_2, "hello".to_owned()));
    let answer = ask(client(&certificate).http1_only(), &server).await.unwrap();
    assert_eq!(answer, (Version::HTTP_11, "hello".to_owned()));
    server.end().await;
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_is_closed_after_the_header_timeout() {
    let dir = TempDir::new().unwrap();
    let (files, _) = issue(&dir);
    let server = start(Limits { header_timeout: SOON, ..LIMITS }, Some(files), hello()).await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    server.end().await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_handshakes() {
    let dir = TempDir::new().unwrap();
    let (files, certificate) = issue(&dir);
    let server = start(LIMITS, Some(files), hello()).await;
    let mut silent = server.connect().await;
    ask(client(&certificate), &server).await.unwrap();
    server.end().await;
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn a_renewed_certificate_is_used_after_a_hangup_and_a_broken_one_is_not() {
    let dir = TempDir::new().unwrap();
    let (files, old) = issue(&dir);
    let server = start(LIMITS, Some(files.clone()), hello()).await;
    ask(client(&old), &server).await.unwrap();

    let (_, new) = issue(&dir);
    ask(client(&new), &server).await.unwrap_err();
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
    in_time(async { while ask(client(&new), &server).await.is_err() {} }).await;

    fs::write(&files.key, "not a key").unwrap();
    let tls = super::super::tls::Tls::load(files.clone()).err().unwrap();
    assert!(matches!(tls, TlsError::NoKey(path) if path == files.key));
    ask(client(&new), &server).await.unwrap();
    server.end().await;
}

#[tokio::test]
async fn files_that_can_not_be_used_are_named() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (files, _) = issue(&dir);
    let (others, _) = issue(&other);
    let missing = dir.path().join("missing.pem");
    let text = dir.path().join("text.pem");
    fs::write(&text, "-----BEGIN SECRET-----\nhunter2").unwrap();
    let cut = dir.path().join("cut.pem");
    let key = fs::read_to_string(&files.key).unwrap();
    fs::write(&cut, key.lines().take(2).collect::<Vec<_>>().join("\n")).unwrap();

    for (certificate, key, named, says) in [
        (&files.certificate, &others.key, &others.key, "can't be used with the certificate"),
        (&missing, &files.key, &missing, "can't read the TLS file"),
        (&files.certificate, &missing, &missing, "can't read the TLS file"),
        (&text, &files.key, &text, "holds no certificate"),
        (&files.certificate, &text, &text, "holds no unencrypted private key"),
        (&files.certificate, &cut, &cut, "holds no unencrypted private key"),
        (&files.key, &files.key, &files.key, "holds no certificate"),
        (&files.certificate, &files.certificate, &files.certificate, "holds no unencrypted private key"),
    ] {
        let error = refusal(certificate, key).await;
        assert!(error.contains(&named.display().to_string()) && error.contains(says), "{error}");
        assert!(!error.contains("hunter2"));
    }
}

async fn refusal(certificate: &Path, key: &Path) -> String {
    let files = TlsFiles { certificate: certificate.to_owned(), key: key.to_owned() };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::bind(listen, LIMITS, Some(files)).await.err().unwrap().to_string()
}
