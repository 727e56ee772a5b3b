//! The accept loop. No client and no lack of resources ends it or makes it spin.

use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use super::connection::Connection;
use super::handler::{Handler, Peer};

/// The pause after the system refused a socket: it lacks file descriptors or memory, which only ending connections give back.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// The least time between two lines in the log about too many connections.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);

/// Serves some of the connections, all on one runtime.
pub(super) struct Worker<H> {
    runtime: Handle,
    template: Connection<H>,
    /// Its connections hold a clone each, so this counts them.
    open: Arc<()>,
}

impl<H: Handler> Worker<H> {
    /// Connections are clones of `template`.
    pub(super) fn new(runtime: Handle, template: Connection<H>) -> Self {
        Self { runtime, template, open: Arc::new(()) }
    }

    fn connections(&self) -> usize {
        Arc::strong_count(&self.open)
    }

    /// Serves a client on the worker's runtime.
    fn serve(&self, stream: StdStream, peer: Peer, permit: OwnedSemaphorePermit, connections: &mut JoinSet<()>) {
        let (connection, open) = (self.template.clone(), Arc::clone(&self.open));
        let serve = async move {
            // This fails only while the runtime shuts down.
            if let Ok(stream) = TcpStream::from_std(stream) {
                connection.serve(stream, peer).await;
            }
            drop((permit, open));
        };
        connections.spawn_on(serve, &self.runtime);
    }
}

/// Accepts for ever, at most `max_connections` at once. Owns the listener: after this ends the system refuses new clients.
pub(super) async fn accept<H: Handler>(
    listener: TcpListener,
    workers: Vec<Worker<H>>,
    max_connections: usize,
    connections: &mut JoinSet<()>,
) {
    let permits = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
    let mut warned = None;
    // Workers with equally few connections take turns.
    let mut turn = 0_usize;
    while let Some(permit) = next_permit(&permits, &mut warned).await {
        while connections.try_join_next().is_some() {}
        let (stream, peer) = next_client(&listener).await;
        // Answers are small and leave in one piece: waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = Peer(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
        // A socket that can't leave this runtime is closed.
        let (earlier, later) = workers.split_at(turn % workers.len().max(1));
        let worker = later.iter().chain(earlier).min_by_key(|worker| worker.connections());
        if let (Some(worker), Ok(stream)) = (worker, stream.into_std()) {
            worker.serve(stream, peer, permit, connections);
        }
        turn = turn.wrapping_add(1);
    }
}

/// Waits until one more connection may be open. Never `None`: the semaphore is never closed.
async fn next_permit(permits: &Arc<Semaphore>, warned: &mut Option<Instant>) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        return Some(permit);
    }
    if warned.is_none_or(|at| at.elapsed() > BETWEEN_WARNINGS) {
        tracing::warn!(
            setting = "http.max_connections",
            "the limit of connections is reached: new ones wait until others end"
        );
        *warned = Some(Instant::now());
    }
    Arc::clone(permits).acquire_owned().await.ok()
}

/// Waits for the next client, past all that fail.
async fn next_client(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(client) => return client,
            Err(error) if is_about_one_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "accepting connections failed; retrying shortly");
                time::sleep(PAUSE_AFTER_REFUSAL).await;
            }
        }
    }
}

/// Whether the error is about one client that went away, and not about the next.
fn is_about_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
