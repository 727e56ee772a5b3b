//! Sockets: who may connect, for how long, and how the server stops. It knows of no endpoint: requests go to whatever
//! handler it is given, so that a bound on time or memory is kept in one place for all of them.

mod accept;
mod admission;
mod conformity;
mod connection;
mod error;
mod heads;
mod idle;
mod stage;
#[cfg(test)]
mod tests;
mod tls;
mod unread;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;
use tower::ServiceExt as _;

use accept::Desk;
use admission::Admission;
use connection::Connection;
use tls::Tls;

use crate::metrics::CertificateEnd;

pub use error::{ServeError, TlsError};
pub use stage::Stage;

/// The files that are open beside connections of clients: to the database, above all.
const OTHER_FILES: u64 = 256;

/// The bounds of time and number that every connection is held to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a TLS handshake, for the first request's head, and for every later head from its first byte on.
    pub header_timeout: Duration,
    /// For a connection that has answered all that it was asked; also the time that a client has to take an answer.
    pub idle_timeout: Duration,
    /// For requests that are running when the server is told to stop.
    pub shutdown_timeout: Duration,
    /// Connections served at once; more of them wait in the system's queue. Also the requests that may run at once on
    /// all of them together; more of them, which takes HTTP/2, are answered with 503.
    pub max_connections: usize,
}

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

    /// What to say when everybody can read the key. It isn't refused: how a key gets to its place is often decided by somebody
    /// else, and the server would not start after an update.
    pub fn exposed_key(&self) -> Option<String> {
        let is_exposed = fs::metadata(&self.key).is_ok_and(|file| file.permissions().mode() & 0o004 != 0);
        is_exposed.then(|| format!("everybody can read the TLS key {}: chmod o-r", self.key.display()))
    }
}

/// The other end of the TCP connection: the client, or the proxy nearest to us. An
/// IPv4 address that reached an IPv6 socket is given as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What answers requests.
pub trait Handler: Clone + Send + Sync + 'static {
    /// The answer to one request.
    fn answer(self, request: Request, peer: Peer) -> impl Future<Output = Response> + Send;
}

/// What answers the requests of some of the connections, and the runtime on which it does.
pub struct Worker<H> {
    /// Runs the connections, each from its beginning to its end.
    pub runtime: Handle,
    /// Answers their requests.
    pub handler: H,
}

/// With the peer as an extension of each request.
impl Handler for Router {
    async fn answer(self, mut request: Request, peer: Peer) -> Response {
        request.extensions_mut().insert(peer);
        let Ok(response) = self.oneshot(request).await;
        response
    }
}

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
        tokio::join!(stopping, self.run_on([Worker { runtime: Handle::current(), handler }], stages));
    }

    /// Serves until [`Stage::Stopping`], each connection by the worker that has the fewest. Then nothing is accepted any
    /// more, idle connections are closed, and requests that run may finish, for `shutdown_timeout` at most. Returns when
    /// every connection is gone.
    pub async fn run_on<H: Handler>(
        self,
        workers: impl IntoIterator<Item = Worker<H>>,
        mut stages: watch::Receiver<Stage>,
    ) {
        let Self { listener, limits, tls, hangups, .. } = self;
        let requests = Admission::<H>::requests(limits.max_connections);
        let desks = workers.into_iter().map(|Worker { runtime, handler }| {
            let admission = Admission::new(handler, Arc::clone(&requests));
            Desk::new(runtime, Connection { admission, limits, tls: tls.clone(), stages: stages.clone() })
        });
        let desks = desks.collect();
        let mut connections = JoinSet::new();
        tokio::select! {
            () = accept::accept(listener, desks, limits.max_connections, &mut connections) => {}
            () = tls::reload_on_hangup(tls, hangups) => {}
            () = stage::reached(&mut stages, Stage::Stopping) => {}
        }
        let finished =
            time::timeout(limits.shutdown_timeout, async { while connections.join_next().await.is_some() {} });
        if finished.await.is_err() {
            tracing::warn!(
                connections = connections.len(),
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
        tracing::warn!(open_files, wanted, "the limit of open files (ulimit -n) is too low for http.max_connections");
    }
}
