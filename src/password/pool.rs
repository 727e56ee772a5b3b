//! The pool: a fixed number of threads, each with its own memory, and a queue that is bounded in time and in number.
//!
//! A job that can't begin in time is refused: at once, or when its turn comes too late. A job whose caller went away is dropped.
//! Nothing outside these threads is slowed down by hashing. A thread keeps its memory from job to job, since allocating takes time
//! too, and gives it back when none come.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::arena::Arena;
use super::pace::smoothed;
use crate::clock::Seconds;
use crate::current_request::Carried;
use crate::metrics::{Hashing, HashingLoad};

/// How many may wait for each thread, whatever the measured time says. A job holds at most a password (1 KiB) and a
/// stored hash (1 KiB): half a MiB a thread. At 2 s of queue only hashes faster than 8 ms could need more.
const MAX_WAITING_PER_THREAD: usize = 256;

/// How long a thread without work keeps its memory.
pub(super) const KEEP: Duration = Duration::from_mins(1);

/// The largest `Retry-After`, in seconds.
const MAX_RETRY_AFTER: Seconds = 60;

/// No thread could take the job in time. It is not a failed attempt: nothing was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no thread is free for a password hash")]
pub struct Busy {
    /// When it is worth trying again, in seconds, 1 or more: for `Retry-After` (RFC 9110 §10.2.3).
    pub retry_after: Seconds,
}

/// The threads and their queue. Dropping it ends the threads after the job that each is at.
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    threads: usize,
    longest_wait: Duration,
    keep: Duration,
    times: Arc<Hashing>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: VecDeque<Job>,
    running: usize,
    /// How long a job takes.
    typical: Duration,
    closed: bool,
}

struct Job {
    since: Instant,
    /// Dangles as soon as the caller went away.
    caller: Weak<()>,
    request: Carried,
    work: Work,
}

type Work = Box<dyn FnOnce(&mut Arena) + Send>;

/// What a thread does next.
enum Turn {
    Work(Job),
    GiveBack,
    Leave,
}

impl Pool {
    /// Starts a thread with each of the `arenas`, `niceness` below the others. `queue` is how long a job may wait, `typical` how
    /// long one probably takes, `keep` how long a thread without work keeps its memory.
    pub(super) fn start(
        arenas: Vec<Arena>,
        niceness: i32,
        queue: Duration,
        typical: Duration,
        keep: Duration,
    ) -> io::Result<Self> {
        let state = State { waiting: VecDeque::new(), running: 0, typical, closed: false };
        let pool = Self(Arc::new(Shared {
            threads: arenas.len(),
            longest_wait: queue,
            keep,
            times: Arc::default(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }));
        for (n, mut arena) in arenas.into_iter().enumerate() {
            let shared = Arc::clone(&pool.0);
            let name = format!("tokend-password-{n}");
            thread::Builder::new().name(name).spawn(move || {
                step_back(niceness);
                shared.serve(&mut arena);
            })?;
        }
        Ok(pool)
    }

    /// Does `work` on one of the threads. [`Busy`] if it could not begin in time, found no memory, or panicked. If this
    /// future is dropped before it has begun, it never will.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        let caller = Arc::new(());
        self.0.push(Job {
            since: Instant::now(),
            caller: Arc::downgrade(&caller),
            request: Carried::here(),
            // If the caller went away, the answer is dropped.
            work: Box::new(move |arena| drop(answer.send(work(arena)))),
        })?;
        let result = answered.await.map_err(|_| self.busy());
        drop(caller);
        result
    }

    /// Whether a job that came at this moment would be taken.
    pub(super) fn admits(&self) -> Result<(), Busy> {
        self.0.admit(&mut self.0.lock())
    }

    /// How long hashes waited and took.
    pub(super) fn times(&self) -> &Arc<Hashing> {
        &self.0.times
    }

    /// What waits and runs at this moment.
    pub(super) fn load(&self) -> HashingLoad {
        let state = self.0.lock();
        HashingLoad { waiting: state.waiting.len(), running: state.running, threads: self.0.threads }
    }

    /// The refusal of a job that comes at this moment.
    pub(super) fn busy(&self) -> Busy {
        self.0.busy(&self.0.lock())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn push(&self, job: Job) -> Result<(), Busy> {
        let mut state = self.lock();
        self.admit(&mut state)?;
        state.waiting.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    fn admit(&self, state: &mut State) -> Result<(), Busy> {
        if self.is_overloaded(state) {
            // Callers that went away must not keep others out.
            state.waiting.retain(|job| !job.is_abandoned());
            if self.is_overloaded(state) {
                return Err(self.busy(state));
            }
        }
        Ok(())
    }

    fn serve(&self, arena: &mut Arena) {
        loop {
            match self.next(arena) {
                Turn::Work(Job { request, work, .. }) => request.run(|| self.work(work, arena)),
                Turn::GiveBack => arena.give_back(),
                Turn::Leave => return,
            }
        }
    }

    fn work(&self, work: Work, arena: &mut Arena) {
        let began = Instant::now();
        // Allocated before every job, so that its time doesn't show what kind of hash it is.
        if let Err(error) = arena.memory() {
            tracing::error!(%error, "no memory for a password hash");
            // Dropping the work tells its caller.
            drop(work);
        } else if catch_unwind(AssertUnwindSafe(|| work(arena))).is_err() {
            // The arena holds no state between jobs, so that a job that broke off leaves nothing broken behind.
            tracing::error!("a password hash panicked");
        }
        let took = began.elapsed();
        self.times.took.observe(took);
        let mut state = self.lock();
        state.running -= 1;
        state.typical = smoothed(state.typical, took);
    }

    /// What a thread with this `arena` does next: the next job that isn't too late and whose caller still waits.
    fn next(&self, arena: &Arena) -> Turn {
        let mut state = self.lock();
        while !state.closed {
            match state.waiting.pop_front() {
                // Dropping the job tells its caller.
                Some(job) if job.is_abandoned() || job.since.elapsed() > self.longest_wait => drop(job),
                Some(job) => {
                    state.running += 1;
                    self.times.waited.observe(job.since.elapsed());
                    return Turn::Work(job);
                }
                None if arena.is_empty() => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                None => {
                    let waited = self.changed.wait_timeout(state, self.keep).unwrap_or_else(PoisonError::into_inner);
                    state = waited.0;
                    // Giving it back takes a while, so not under the lock.
                    if waited.1.timed_out() && state.waiting.is_empty() {
                        return Turn::GiveBack;
                    }
                }
            }
        }
        Turn::Leave
    }

    fn is_overloaded(&self, state: &State) -> bool {
        state.waiting.len() >= self.threads.saturating_mul(MAX_WAITING_PER_THREAD)
            || self.expected_wait(state) > self.longest_wait
    }

    /// How long a job that comes at this moment will wait.
    fn expected_wait(&self, state: &State) -> Duration {
        let ahead = (state.waiting.len() + state.running + 1).saturating_sub(self.threads);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        state.typical.saturating_mul(count(ahead)) / count(self.threads).max(1)
    }

    fn busy(&self, state: &State) -> Busy {
        let wait = self.expected_wait(state);
        let seconds = Seconds::try_from(wait.as_secs()).unwrap_or(Seconds::MAX).saturating_add(1);
        Busy { retry_after: seconds.min(MAX_RETRY_AFTER) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn is_abandoned(&self) -> bool {
        self.caller.strong_count() == 0
    }
}

/// Lowers the priority of the calling thread, so that refreshes and introspections are answered while the processors
/// are full of hashes. Where that isn't possible, nothing is lost but that.
fn step_back(niceness: i32) {
    // Elsewhere it would step back with the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(niceness) {
        tracing::debug!(%error, "password threads keep their priority");
    }
}

#[cfg(test)]
mod tests;
