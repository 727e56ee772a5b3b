//! TLS with a certificate from files, which are read again on SIGHUP, without a restart. If they can't be used, the certificate
//! in use stays.

mod validity;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
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

use super::error::TlsError;
use crate::clock::{NEVER, UnixTime};
use crate::metrics::CertificateEnd;
use crate::private_file;
use validity::not_after;

/// The largest file, in bytes: more than any chain of certificates.
const MOST: u64 = 1024 * 1024;

/// Where the certificate for TLS is. Both files are PEM and are read again on SIGHUP.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The certificate's private key: PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Whether a server could use the files.
    pub fn check(self) -> Result<(), TlsError> {
        Tls::load(self).map(drop)
    }

    /// A warning if everybody can read the key. It isn't refused: file rights are often decided by another tool, and the server
    /// would not start after an update.
    pub fn exposed_key(&self) -> Option<String> {
        let is_exposed = fs::metadata(&self.key).is_ok_and(|file| file.permissions().mode() & 0o004 != 0);
        is_exposed.then(|| format!("everybody can read the TLS key {}: chmod o-r", self.key.display()))
    }
}

/// The configuration in use and where it came from. Clones share it.
#[derive(Clone)]
pub(super) struct Tls {
    files: Arc<TlsFiles>,
    config: Arc<ArcSwap<ServerConfig>>,
    end: CertificateEnd,
}

impl Tls {
    pub(super) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let Usable { config, ends_at } = read(&files)?;
        let config = Arc::new(ArcSwap::from_pointee(config));
        Ok(Self { files: Arc::new(files), config, end: CertificateEnd::new(ends_at) })
    }

    /// Reads both files again, for new connections. On an error nothing changes.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        let Usable { config, ends_at } = read(&self.files)?;
        self.config.store(Arc::new(config));
        self.end.renew(ends_at);
        Ok(())
    }

    /// When the certificate in use ends.
    pub(super) fn end(&self) -> &CertificateEnd {
        &self.end
    }

    /// The handshake. The caller bounds its time.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }
}

/// Reloads at each of the `hangups`, for ever.
pub(super) async fn reload_on_hangup(tls: Option<Tls>, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        if let Some(tls) = tls.clone() {
            reload(tls).await;
        } else {
            tracing::info!("SIGHUP is ignored: there is no TLS certificate to read again");
        }
    }
    std::future::pending::<()>().await;
}

/// Reads the files on another thread, since a file system may be slow and this thread accepts connections.
async fn reload(tls: Tls) {
    let exposed_key = tls.files.exposed_key();
    match tokio::task::spawn_blocking(move || tls.reload()).await {
        Ok(Ok(())) => {
            if let Some(text) = exposed_key {
                tracing::warn!(setting = "http.tls_key", "{text}");
            }
            tracing::info!("the TLS certificate was read again");
        }
        Ok(Err(error)) => tracing::error!(%error, "could not read the TLS certificate; keeping the one in use"),
        Err(error) => tracing::error!(%error, "could not read the TLS certificate; keeping the one in use"),
    }
}

/// What the two files make together.
struct Usable {
    config: ServerConfig,
    ends_at: UnixTime,
}

fn read(files: &TlsFiles) -> Result<Usable, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&bytes(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| TlsError::NoCertificate(files.certificate.clone()))?;
    // If its end can't be read, the certificate is left for the clients to judge.
    let ends_at = chain.first().and_then(|certificate| not_after(certificate)).unwrap_or(NEVER);
    // The library's errors quote lines of the file. Those of a key must not reach a log.
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
    Ok(Usable { config, ends_at })
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    match private_file::read(path, MOST) {
        Ok(file) => Ok(file.bytes),
        Err(source) => Err(TlsError::Unreadable { path: path.to_owned(), source }),
    }
}
