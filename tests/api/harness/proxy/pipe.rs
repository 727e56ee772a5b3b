//! One connection through the proxy.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

use super::fault::{Armed, Fault};
use super::{Shared, Way};

const PIECE: usize = 16 * 1024;

/// An answer that is being lost: what has come of it, and who waits to hear of it.
struct Losing {
    answer: Vec<u8>,
    done: oneshot::Sender<Vec<u8>>,
}

/// What the two ways of a connection tell each other.
#[derive(Default)]
struct Talk {
    losing: Mutex<Option<Losing>>,
    /// An answer has come since, so that what goes up is another request.
    answered: AtomicBool,
}

/// Both ways, until both are closed or one of them breaks.
pub(super) async fn carry(client: TcpStream, upstream: SocketAddr, shared: &Shared) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let talk = Talk::default();
    // An error on one side is the end of both.
    let _ = tokio::try_join!(
        up(from_client, to_server, upstream, shared, &talk),
        down(from_server, to_client, shared, &talk)
    );
}

async fn up(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    upstream: SocketAddr,
    shared: &Shared,
    talk: &Talk,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut request = Vec::new();
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        let bytes = &piece[..length];
        pass(Way::Up, shared).await;
        if talk.answered.swap(false, Ordering::SeqCst) {
            request.clear();
        }
        request.extend_from_slice(bytes);
        match strikes(&request, shared) {
            Some(Armed { fault: Fault::LoseRequest, done, .. }) => {
                let _ = done.send(request);
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Some(Armed { fault: Fault::LoseAnswer, done, .. }) => {
                // Before the request goes on, so that no byte of its answer slips through.
                *talk.losing.lock().expect("nobody panicked") = Some(Losing { answer: Vec::new(), done });
            }
            Some(Armed { fault: Fault::Repeat, done, .. }) => {
                let _ = done.send(repeated(&request, upstream, shared).await?);
            }
            None => {}
        }
        to.write_all(bytes).await?;
    }
}

async fn down(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, talk: &Talk) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut half_closes = shared.half_closes.subscribe();
    loop {
        let length = tokio::select! {
            length = from.read(&mut piece) => length?,
            _ = half_closes.changed() => 0,
        };
        if length == 0 {
            return to.shutdown().await;
        }
        let bytes = &piece[..length];
        if is_lost(bytes, shared, &talk.losing) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        talk.answered.store(true, Ordering::SeqCst);
        if talk.losing.lock().expect("nobody panicked").is_none() {
            pass(Way::Down, shared).await;
            to.write_all(bytes).await?;
        }
    }
}

/// The fault that waits for this request, if all of it is there.
fn strikes(request: &[u8], shared: &Shared) -> Option<Armed> {
    let mut armed = shared.armed.lock().expect("nobody panicked");
    let is_it = |armed: &mut Armed| {
        let found = request.windows(armed.marker.len()).any(|window| window == armed.marker);
        found && shared.protocol.is_asked(request)
    };
    armed.take_if(is_it)
}

/// Whether an answer that is being lost is now here in full: it says so to whoever waits.
fn is_lost(bytes: &[u8], shared: &Shared, losing: &Mutex<Option<Losing>>) -> bool {
    let mut losing = losing.lock().expect("nobody panicked");
    let Some(lost) = losing.as_mut() else { return false };
    lost.answer.extend_from_slice(bytes);
    let Some(lost) = losing.take_if(|lost| shared.protocol.is_answered(&lost.answer)) else { return false };
    let _ = lost.done.send(lost.answer);
    true
}

/// The answer to the same bytes on a connection of their own.
async fn repeated(request: &[u8], upstream: SocketAddr, shared: &Shared) -> io::Result<Vec<u8>> {
    let mut second = TcpStream::connect(upstream).await?;
    second.write_all(request).await?;
    let mut answer = Vec::new();
    while !shared.protocol.is_answered(&answer) {
        if second.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(answer)
}

/// Waits for as long as the proxy holds such bytes back.
async fn pass(way: Way, shared: &Shared) {
    let delay = shared.delay_ms.load(Ordering::SeqCst);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let mut held = shared.held[way as usize].subscribe();
    // The sender is in `shared`, and stays.
    let _ = held.wait_for(|held| !held).await;
}
