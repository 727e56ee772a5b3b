//! A TCP proxy on the loopback interface that does what networks do: it refuses, cuts, holds back, delays, half-closes,
//! repeats, and loses an answer of which it has seen that it was given.

mod fault;
mod pipe;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use fault::Armed;
pub use fault::{Fault, Protocol, Struck};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From who connects to the proxy.
    Up,
    /// Back to them.
    Down,
}

/// The proxy. It closes everything when it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

/// What all connections look at.
pub(super) struct Shared {
    protocol: Protocol,
    upstream: Mutex<SocketAddr>,
    refuses: AtomicBool,
    /// Counts up whenever all connections have to end.
    cuts: watch::Sender<u64>,
    /// Counts up whenever the way back is closed on all connections, which otherwise stay.
    half_closes: watch::Sender<u64>,
    /// Counts up whenever all connections have to fall silent for good.
    hangs: watch::Sender<u64>,
    held: [watch::Sender<bool>; 2],
    delay_ms: AtomicU64,
    armed: Mutex<Option<Armed>>,
    open: AtomicUsize,
}

impl Proxy {
    /// A proxy in front of `upstream`.
    pub async fn to(upstream: SocketAddr, protocol: Protocol) -> Self {
        Self::at(0, upstream, protocol).await
    }

    async fn at(port: u16, upstream: SocketAddr, protocol: Protocol) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            protocol,
            upstream: Mutex::new(upstream),
            refuses: AtomicBool::new(false),
            cuts: watch::Sender::new(0),
            half_closes: watch::Sender::new(0),
            hangs: watch::Sender::new(0),
            held: [watch::Sender::new(false), watch::Sender::new(false)],
            delay_ms: AtomicU64::new(0),
            armed: Mutex::new(None),
            open: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { address, shared, accepting }
    }

    /// A proxy in front of the database of a PostgreSQL address, and the address of that database through it.
    pub async fn to_postgres(url: &str) -> (Self, String) {
        Self::to_postgres_at(0, url).await
    }

    /// As [`Self::to_postgres`], at this port.
    pub async fn to_postgres_at(port: u16, url: &str) -> (Self, String) {
        let mut url = url::Url::parse(url).expect("an address");
        let upstream = (url.host_str().expect("a host"), url.port().unwrap_or(5432));
        let upstream = tokio::net::lookup_host(upstream).await.expect("a host").find(SocketAddr::is_ipv4);
        let proxy = Self::at(port, upstream.expect("an IPv4 address"), Protocol::Postgres).await;
        url.set_host(Some("127.0.0.1")).expect("it has a host");
        url.set_port(Some(proxy.address.port())).expect("it has a port");
        (proxy, url.to_string())
    }

    /// A proxy in front of a server, and the base of its addresses through it.
    pub async fn to_server(base: &str) -> (Self, String) {
        let mut url = url::Url::parse(base).expect("an address");
        let upstream = url.socket_addrs(|| None).expect("an address").remove(0);
        let proxy = Self::to(upstream, Protocol::Http).await;
        url.set_port(Some(proxy.address.port())).expect("it has a port");
        (proxy, url.as_str().trim_end_matches('/').to_owned())
    }

    /// Connections from here on go somewhere else, and those that are open end.
    pub fn turn_to(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().expect("nobody panicked") = upstream;
        self.cut();
    }

    /// As [`Self::turn_to`], but those that are open fall silent and stay.
    pub fn turn_silently_to(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().expect("nobody panicked") = upstream;
        self.hang();
    }

    /// Ends every connection, whatever is under way.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Every connection falls silent for good, and stays open: as when a firewall forgets it, or the machine is gone.
    pub fn hang(&self) {
        self.shared.hangs.send_modify(|hangs| *hangs += 1);
    }

    /// Closes the way back of every connection, and leaves the other way open.
    pub fn half_close(&self) {
        self.shared.half_closes.send_modify(|count| *count += 1);
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Whether bytes wait here.
    pub fn hold(&self, way: Way, hold: bool) {
        self.shared.held[way as usize].send_replace(hold);
    }

    /// From here on each piece of what goes either way takes this much longer.
    pub fn delay(&self, delay: Duration) {
        self.shared.delay_ms.store(u64::try_from(delay.as_millis()).expect("it is short"), Ordering::SeqCst);
    }

    /// Strikes once: the next request that has `marker` in it.
    pub fn strike(&self, fault: Fault, marker: &[u8]) -> Struck {
        let (armed, struck) = Armed::new(fault, marker);
        *self.shared.armed.lock().expect("nobody panicked") = Some(armed);
        struck
    }

    /// How many connections go through it.
    pub fn connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if !shared.refuses.load(Ordering::SeqCst) {
            tokio::spawn(connection(client, Arc::clone(&shared)));
        }
    }
}

/// Carries one connection until either side or a fault ends it.
async fn connection(client: TcpStream, shared: Arc<Shared>) {
    let (mut cuts, mut hangs) = (shared.cuts.subscribe(), shared.hangs.subscribe());
    let upstream = *shared.upstream.lock().expect("nobody panicked");
    shared.open.fetch_add(1, Ordering::SeqCst);
    let mut carried = pin!(pipe::carry(client, upstream, &shared));
    tokio::select! {
        _ = cuts.changed() => {}
        () = &mut carried => {}
        // What isn't polled isn't closed either.
        _ = hangs.changed() => drop(cuts.changed().await),
    }
    shared.open.fetch_sub(1, Ordering::SeqCst);
}
