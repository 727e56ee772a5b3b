//! Why the server can't start, for its operator. Each says which address or file it is about.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio_rustls::rustls;

/// Why no server could be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process listens there.
    #[error(
        "can't listen on {0}: another process uses this address; stop it, or choose another `listen` (TOKEND_LISTEN)"
    )]
    AddressInUse(SocketAddr),
    /// The process may not listen there, usually because the port is below 1024.
    #[error(
        "can't listen on {0}: permission denied; ports below 1024 need a privilege; choose a higher one in `listen` (TOKEND_LISTEN)"
    )]
    PermissionDenied(SocketAddr),
    /// The address can't be used for another reason: it isn't this machine's, say.
    #[error("can't listen on {listen}: {source}")]
    Listen {
        /// The address as configured.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system doesn't let the process hear of signals.
    #[error("can't listen for signals: {0}")]
    Signals(io::Error),
    /// The certificate or key can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What is wrong with the files of [`TlsFiles`](super::TlsFiles). Nothing of what they contain is shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing, or the process may not read it.
    #[error("can't read the TLS file {}: {source}", path.display())]
    Unreadable {
        /// The file as configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no `BEGIN CERTIFICATE` section in it, or a damaged one.
    #[error("the TLS certificate file {} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// There is no private key in it, a damaged one, or one that is encrypted.
    #[error("the TLS key file {} holds no unencrypted private key in PEM", .0.display())]
    NoKey(PathBuf),
    /// Both files are sound but don't belong together, or hold a kind of key that TLS has no use for.
    #[error("the TLS key {} can't be used with the certificate {}: {reason}", key.display(), certificate.display())]
    Unusable {
        /// The certificate file as configured.
        certificate: PathBuf,
        /// The key file as configured.
        key: PathBuf,
        /// What the TLS library said.
        reason: rustls::Error,
    },
}
