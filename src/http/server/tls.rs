//! TLS with a certificate from files. Certificates are renewed every few weeks, so they are read again on SIGHUP,
//! without a restart; a file that turns out to be broken leaves the certificate in place that works.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio::signal::unix::Signal;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

use super::{TlsError, TlsFiles};

/// The configuration in use and where it came from. Clones share it.
#[derive(Clone)]
pub(super) struct Tls {
    files: Arc<TlsFiles>,
    config: Arc<ArcSwap<ServerConfig>>,
}

impl Tls {
    /// Reads both files.
    pub(super) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let config = Arc::new(ArcSwap::from_pointee(read(&files)?));
        Ok(Self { files: Arc::new(files), config })
    }

    /// Reads both files again, for the connections that come from here on. On an error nothing changes.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        self.config.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// The handshake. It takes as long as the client likes: the caller bounds it.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }
}

/// Reloads at each of the `hangups`, for ever. Without TLS there is nothing to do at any of them.
pub(super) async fn reload_on_hangup(tls: Option<Tls>, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        match tls.as_ref().map(Tls::reload) {
            Some(Ok(())) => tracing::info!("the TLS certificate was read again"),
            Some(Err(error)) => tracing::error!(%error, "keeping the TLS certificate in use"),
            None => tracing::info!("SIGHUP is ignored: there is no TLS certificate to read again"),
        }
    }
    std::future::pending::<()>().await;
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&bytes(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| TlsError::NoCertificate(files.certificate.clone()))?;
    warn_if_exposed(&files.key);
    // The library's reasons quote lines of the file, which for a key must not reach a log.
    let key = PrivateKeyDer::from_pem_slice(&bytes(&files.key)?).map_err(|_| TlsError::NoKey(files.key.clone()))?;
    let unusable =
        |reason| TlsError::Unusable { certificate: files.certificate.clone(), key: files.key.clone(), reason };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(source) => Err(TlsError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Not refused: how a key gets to its place is often decided by somebody else, and the server would not start after an update.
fn warn_if_exposed(key: &Path) {
    let others_read = |file: Metadata| file.permissions().mode() & 0o004 != 0;
    if std::fs::metadata(key).is_ok_and(others_read) {
        tracing::warn!(file = %key.display(), "everybody can read the TLS key: chmod o-r");
    }
}
