//! `tokend health`: asks the server on this machine whether it is live or ready. The image has no shell, so this is its HEALTHCHECK.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use clap::Args;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use super::failure::Failure;
use super::output::print;
use crate::config::Config;
use crate::http::{LIVE, READY};

/// How long the server may take to answer: less than the usual timeout of a health check.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Args, Debug)]
pub struct Options {
    /// Ask whether the server can answer requests, and not only whether it runs.
    #[arg(long)]
    ready: bool,
}

/// Asks `/health/live` or `/health/ready`. Fails unless the answer is 200.
pub async fn run(config: &Config, options: &Options) -> Result<(), Failure> {
    let address = reachable(config.listen)?;
    let (path, state) = if options.ready { (READY, "ready") } else { (LIVE, "live") };
    let path = format!("{}{path}", config.issuer.path_prefix());
    let asked = timeout(PATIENCE, ask(address, &path, config.http.tls.is_some())).await;
    let reason = match asked.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}").into())) {
        Ok(StatusCode::OK) => return print(&format!("the server at {address} is {state}\n")),
        Ok(status) => format!("it answered {}", status.as_u16()),
        Err(error) => error.to_string(),
    };
    Err(format!("the server at {address} is not {state}: {reason}").into())
}

/// The address at which this machine reaches a server that listens on `listen`.
fn reachable(listen: SocketAddr) -> Result<SocketAddr, Failure> {
    if listen.port() == 0 {
        return Err("listen has port 0, so the port of the server isn't known: set a port".into());
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, listen.port()))
}

async fn ask(address: SocketAddr, path: &str, tls: bool) -> Result<StatusCode, Failure> {
    let stream = TcpStream::connect(address).await?;
    if tls {
        return ask_over(encrypted(stream, address).await?, address, path).await;
    }
    ask_over(stream, address, path).await
}

async fn ask_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    path: &str,
) -> Result<StatusCode, Failure> {
    let (mut requests, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header(header::HOST, address.to_string()).header(header::CONNECTION, "close");
    Ok(requests.send_request(request.body(Body::empty())?).await?.status())
}

async fn encrypted(stream: TcpStream, address: SocketAddr) -> Result<TlsStream<TcpStream>, Failure> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::IpAddress(address.ip().into()), stream).await?)
}

/// Accepts any certificate: the server is on the same machine, gets no secret, and its certificate names another host.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_all_addresses_is_asked_on_the_loopback_interface() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8443", "[::1]:8443"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[fd00::1]:80", "[fd00::1]:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).unwrap().to_string(), asked);
        }
        assert!(reachable("0.0.0.0:0".parse().unwrap()).unwrap_err().to_string().contains("port 0"));
    }
}
