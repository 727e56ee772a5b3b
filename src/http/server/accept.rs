//! The accept loop. Nothing that a client does, and nothing that the system runs out of, ends it or makes it spin.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use super::connection::Connection;
use super::{Handler, Peer};

/// How long nothing is accepted after the system refused a socket: it lacks something (file descriptors, memory) that
/// only connections which end can give back.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// The least time between two lines in the log about too many connections.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);

/// Accepts for ever, never more than `max_connections` at once. Owns the listener: whoever connects after this ends is
/// refused by the system.
pub(super) async fn accept<H: Handler>(listener: TcpListener, template: Connection<H>, connections: &mut JoinSet<()>) {
    let permits = Arc::new(Semaphore::new(template.limits.max_connections.min(Semaphore::MAX_PERMITS)));
    let mut warned = None;
    while let Some(permit) = next_permit(&permits, &mut warned).await {
        while connections.try_join_next().is_some() {}
        let (stream, peer) = next_client(&listener).await;
        // Answers are small and leave in one piece: waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = Peer(SocketAddr::new(peer.ip().to_canonical(), peer.port()));
        connections.spawn(serve(template.clone(), stream, peer, permit));
    }
}

/// One connection, from its handshake to its end; a panic in it ends it and nothing else.
async fn serve<H: Handler>(connection: Connection<H>, stream: TcpStream, peer: Peer, permit: OwnedSemaphorePermit) {
    connection.serve(stream, peer).await;
    drop(permit);
}

/// The right to one more connection, as soon as there is one. `None` can't happen: the semaphore is never closed.
async fn next_permit(permits: &Arc<Semaphore>, warned: &mut Option<Instant>) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        return Some(permit);
    }
    if warned.is_none_or(|at| at.elapsed() > BETWEEN_WARNINGS) {
        tracing::warn!("the limit of connections is reached, new ones wait until others end");
        *warned = Some(Instant::now());
    }
    Arc::clone(permits).acquire_owned().await.ok()
}

/// The next connection, however many of them fail before it.
async fn next_client(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(client) => return client,
            Err(error) if is_about_one_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "can't accept connections, trying again shortly");
                time::sleep(PAUSE_AFTER_REFUSAL).await;
            }
        }
    }
}

/// Whether the client went away while it waited; the next one is unharmed.
fn is_about_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
