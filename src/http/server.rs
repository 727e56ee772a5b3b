//! Sockets: limits on connections and their time, TLS, and how the server stops. It knows no endpoints: it passes requests to a
//! [`Handler`], so that the limits are kept in one place.

mod accept;
mod admission;
mod conformity;
mod connection;
mod error;
mod handler;
mod heads;
mod idle;
mod limits;
mod socket;
mod stage;
#[cfg(test)]
mod tests;
mod tls;
mod unread;
mod unreadable;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use accept::Worker;
use admission::Admission;
use connection::Connection;
use tls::Tls;

use crate::metrics::CertificateEnd;

pub use error::{ServeError, TlsError};
pub use handler::{Handler, Peer, Rejection};
pub use limits::Limits;
pub use stage::Stage;
pub use tls::TlsFiles;

/// The files that are open beside connections of clients: to the database, above all.
const OTHER_FILES: u64 = 256;

/// A socket that listens. Clients that connect wait until [`Server::run`] is called.
pub struct Server {
    listener: TcpListener,
    local: SocketAddr,
    limits: Limits,
    tls: Option<Tls>,
    hangups: Signal,
}

impl Server {
    /// Listens on `listen` (port 0: any free one) and reads the certificate, so that whatever is wrong with either is
    /// known before anything else starts. From here on no SIGHUP ends the process.
    pub async fn bind(listen: SocketAddr, limits: Limits, tls: Option<TlsFiles>) -> Result<Self, ServeError> {
        // Before the certificate is read, so that no renewal after it is missed.
        let hangups = signal(SignalKind::hangup()).map_err(ServeError::Signals)?;
        let tls = tls.map(Tls::load).transpose()?;
        raise_file_limit(limits.max_connections);
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::AddressInUse(listen),
            io::ErrorKind::PermissionDenied => ServeError::PermissionDenied(listen),
            _ => ServeError::Listen { listen, source },
        };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let local = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, local, limits, tls, hangups })
    }

    /// The address that it listens on, with the port that the system chose if it was asked for any.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// When its TLS certificate ends. Follows each certificate that is read again.
    pub fn certificate_end(&self) -> Option<CertificateEnd> {
        self.tls.as_ref().map(|tls| tls.end().clone())
    }

    /// Serves `handler` on the current runtime until `shutdown` completes, see [`Server::run_on`].
    pub async fn run(self, handler: impl Handler, shutdown: impl Future<Output = ()> + Send) {
        let (stage, stages) = watch::channel(Stage::Running);
        let stopping = async {
            shutdown.await;
            stage.send_replace(Stage::Stopping);
        };
        tokio::join!(stopping, self.run_on([(Handle::current(), handler)], stages));
    }

    /// Serves until [`Stage::Stopping`]. Each connection is served by the worker (a runtime and what answers on it) that has
    /// the fewest. Then nothing is accepted any more, idle connections are closed, and running requests may finish within
    /// `shutdown_timeout`. Returns when every connection is gone.
    pub async fn run_on<H: Handler>(
        self,
        workers: impl IntoIterator<Item = (Handle, H)>,
        mut stages: watch::Receiver<Stage>,
    ) {
        let Self { listener, limits, tls, hangups, .. } = self;
        let requests = Admission::<H>::requests(limits.max_connections);
        let workers = workers.into_iter().map(|(runtime, handler)| {
            let admission = Admission::new(handler, Arc::clone(&requests));
            Worker::new(runtime, Connection { admission, limits, tls: tls.clone(), stages: stages.clone() })
        });
        let workers = workers.collect();
        let mut connections = JoinSet::new();
        tokio::select! {
            () = accept::accept(listener, workers, limits.max_connections, &mut connections) => {}
            () = tls::reload_on_hangup(tls, hangups) => {}
            () = stage::reached(&mut stages, Stage::Stopping) => {}
        }
        let finished =
            time::timeout(limits.shutdown_timeout, async { while connections.join_next().await.is_some() {} });
        if finished.await.is_err() {
            tracing::warn!(
                connections = connections.len(),
                setting = "http.shutdown_timeout",
                "closing connections whose requests did not finish in time"
            );
            connections.shutdown().await;
        }
    }
}

/// Makes room for that many connections among the files that the process may have open. Systems start a process with
/// a limit of about a thousand, for the sake of programs older than `poll`, and let it ask for more.
fn raise_file_limit(max_connections: usize) {
    let wanted = u64::try_from(max_connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let Rlimit { current: Some(current), maximum } = getrlimit(Resource::Nofile) else { return };
    if current >= wanted {
        return;
    }
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let done = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
    if done.is_err() || raised < wanted {
        let open_files = if done.is_ok() { raised } else { current };
        tracing::warn!(
            open_files,
            wanted,
            setting = "http.max_connections",
            "the limit of open files (ulimit -n) is too low for http.max_connections"
        );
    }
}
