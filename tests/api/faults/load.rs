//! Honest clients, and now and then a thief, who go on whatever happens to the server, and write down what they saw.

mod client;
mod site;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;

use super::history::{History, Moment};
use crate::harness::Random;
use client::Client;
pub use site::{Rules, Site, base_in, furnish, furnish_postgres};
pub use wire::send;

/// How many clients there are.
pub const CLIENTS: usize = 32;

/// Longer than any fault of a test lasts.
const PATIENCE: Duration = Duration::from_mins(1);

/// What all clients look at.
pub struct Shared {
    site: Arc<Site>,
    begun: Instant,
    stopped: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
    stolen: AtomicUsize,
}

/// Clients at work.
pub struct Load {
    shared: Arc<Shared>,
    seed: u64,
    clients: JoinSet<Client>,
}

/// Clients that have stopped where they were.
pub struct Stopped {
    shared: Arc<Shared>,
    seed: u64,
    clients: Vec<Client>,
}

impl Load {
    /// Sends [`CLIENTS`] clients to a site.
    pub fn on(site: &Arc<Site>, seed: u64) -> Self {
        let shared = Shared::of(site, Instant::now());
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let random = Random::new(seed.wrapping_add(1 + number as u64));
            let mut client = Client::new(number, random, Arc::clone(&shared));
            clients.spawn(async move {
                client.go_on().await;
                client
            });
        }
        Self { shared, seed, clients }
    }

    /// Waits until the clients have had so many more answers.
    pub async fn answers(&self, more: usize) {
        let answered = || self.shared.answered.load(Ordering::SeqCst);
        wait_for_more(answered, more).await.expect("the server answers again");
    }

    /// Waits until so many more calls have not been answered, or with 503.
    pub async fn failures(&self, more: usize) {
        let failed = || self.shared.failed.load(Ordering::SeqCst);
        wait_for_more(failed, more).await.expect("the fault is felt");
    }

    /// Waits until so many thieves have come in all, and been answered.
    pub async fn thieves(&self, number: usize) {
        let missing = number.saturating_sub(self.shared.stolen.load(Ordering::SeqCst));
        wait_for_more(|| self.shared.stolen.load(Ordering::SeqCst), missing).await.expect("thieves come");
    }

    /// Waits until so many more calls have ended in one way or another.
    pub async fn calls(&self, more: usize) {
        let ended = || self.shared.answered.load(Ordering::SeqCst) + self.shared.failed.load(Ordering::SeqCst);
        wait_for_more(ended, more).await.expect("calls end");
    }

    /// This moment, as the history has it.
    pub fn now(&self) -> Moment {
        self.shared.now()
    }

    /// Stops each client after the call that it is at.
    pub async fn stop(mut self) -> Stopped {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let mut clients = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            clients.push(client.expect("the client didn't panic"));
        }
        Stopped { shared: self.shared, seed: self.seed, clients }
    }
}

impl Stopped {
    /// What the clients saw.
    pub fn history(&self) -> History {
        let calls = self.clients.iter().flat_map(|client| client.calls.iter().cloned());
        History { seed: self.seed, calls: calls.collect() }
    }

    /// Each client goes on with the token that it has, and looks whether what has ended is still over.
    pub async fn go_on_once(mut self) -> Self {
        join_all(self.clients.iter_mut().map(Client::look_at_everything)).await;
        self
    }

    /// Each client exchanges what it has, once it is answered, and keeps what it has when that is refused. How many were.
    pub async fn try_to_go_on(&mut self) -> usize {
        join_all(self.clients.iter_mut().map(Client::try_to_go_on)).await.into_iter().filter(|goes_on| !goes_on).count()
    }

    /// Each client asks about its tokens, and is answered.
    pub async fn introspections_are_answered(&mut self) {
        for client in &mut self.clients {
            assert!(client.introspects().await, "what only reads has an answer");
        }
    }

    /// This moment, as the history has it.
    pub fn now(&self) -> Moment {
        self.shared.now()
    }

    /// The clients as they were at a moment, before another site.
    pub fn as_of(&self, moment: Moment, site: &Arc<Site>) -> Self {
        let shared = Shared::of(site, self.shared.begun);
        let clients = self.clients.iter().map(|client| client.as_of(moment, Arc::clone(&shared))).collect();
        Self { shared, seed: self.seed, clients }
    }

    /// How many of them are signed in, as far as they know.
    pub fn signed_in(&self) -> usize {
        self.clients.iter().filter(|client| client.is_signed_in()).count()
    }
}

impl Shared {
    fn of(site: &Arc<Site>, begun: Instant) -> Arc<Self> {
        Arc::new(Self {
            site: Arc::clone(site),
            begun,
            stopped: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            stolen: AtomicUsize::new(0),
        })
    }

    fn now(&self) -> Moment {
        u64::try_from(self.begun.elapsed().as_micros()).expect("no test takes so long")
    }
}

async fn wait_for_more(counter: impl Fn() -> usize, more: usize) -> Result<(), Elapsed> {
    let enough = counter() + more;
    let waiting = async {
        while counter() < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await
}
