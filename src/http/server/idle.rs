//! Timeouts of a connection. hyper has one for the wait between two requests and for reading a head, and none before the first
//! byte. Here they are three, and none runs while a request does.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Version;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::limits::Limits;
use super::stage::Stage;

/// How long a closed connection is still read from. Otherwise a client that is still sending a body would get a reset, and lose
/// the answer.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// What a connection is doing. Shared by its socket, its requests and [`super::connection`].
#[derive(Clone)]
pub(super) struct Activity {
    header_timeout: Duration,
    idle_timeout: Duration,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    stages: watch::Receiver<Stage>,
}

struct State {
    /// Requests without an answer.
    running: usize,
    phase: Phase,
    since: Instant,
    /// Bytes on an HTTP/2 connection don't begin a head: they may be pings and window updates.
    http2: bool,
}

/// What is waited for while no request is running.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// The rest of a request's head, or the first one.
    Head,
    Idle,
    Closing,
}

impl Activity {
    /// A connection that begins at this moment.
    pub(super) fn new(limits: Limits, stages: watch::Receiver<Stage>) -> Self {
        let state = State { running: 0, phase: Phase::Head, since: Instant::now(), http2: false };
        let Limits { header_timeout, idle_timeout, .. } = limits;
        Self { header_timeout, idle_timeout, shared: Arc::new(Shared { state: Mutex::new(state), stages }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether clients should use other connections.
    fn is_draining(&self) -> bool {
        *self.shared.stages.borrow() >= Stage::Draining
    }

    /// A request has come in. It runs until the result is dropped.
    pub(super) fn begin(&self, version: Version) -> Running {
        let mut state = self.state();
        state.running += 1;
        state.http2 |= version == Version::HTTP_2;
        Running(self.clone())
    }

    /// The connection is to end: no further request is waited for.
    pub(super) fn close(&self) {
        let mut state = self.state();
        if state.phase != Phase::Closing {
            (state.phase, state.since) = (Phase::Closing, Instant::now());
        }
    }

    /// The client has sent something.
    pub(super) fn bytes_arrived(&self) {
        let mut state = self.state();
        if state.running == 0 && state.phase == Phase::Idle && !state.http2 {
            (state.phase, state.since) = (Phase::Head, Instant::now());
        }
    }

    fn finish(&self) {
        let mut state = self.state();
        state.running -= 1;
        state.since = Instant::now();
        if state.phase == Phase::Head {
            state.phase = Phase::Idle;
        }
    }

    /// Whether an HTTP/2 client is due to be told that the connection ends. HTTP/1 is told with an answer.
    fn is_drained(&self) -> bool {
        let state = self.state();
        state.http2 && state.phase != Phase::Closing && self.is_draining()
    }

    /// When the current phase times out. `None` while a request runs, which has a timeout of its own.
    fn deadline(&self) -> Option<(Instant, Phase)> {
        let state = self.state();
        let time = match state.phase {
            Phase::Head => self.header_timeout,
            Phase::Idle => self.idle_timeout,
            Phase::Closing => LINGER,
        };
        (state.running == 0).then(|| (state.since + time, state.phase))
    }

    /// Ready at the timeout, with the phase. Poll it after the connection, in the same task: the timer is reset only when it has
    /// fired or must fire earlier, not at every request.
    pub(super) fn poll_expired(&self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Phase> {
        if self.is_drained() {
            return Poll::Ready(Phase::Idle);
        }
        loop {
            if let Some((deadline, _)) = self.deadline()
                && deadline < timer.deadline()
            {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            match self.deadline() {
                Some((deadline, phase)) if deadline <= now => return Poll::Ready(phase),
                Some((deadline, _)) => timer.as_mut().reset(deadline),
                None => timer.as_mut().reset(now + self.idle_timeout),
            }
        }
    }
}

/// A request that has no answer yet.
pub(super) struct Running(Activity);

impl Running {
    /// Whether the answer is the last one on its HTTP/1 connection.
    pub(super) fn is_last(&self) -> bool {
        self.0.is_draining()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.finish();
    }
}
