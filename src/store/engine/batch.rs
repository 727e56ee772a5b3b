//! Natural batching: callers queue while a statement is in flight, and the next statement carries all of them. There is
//! no timer, so an idle queue adds no delay; under load one commit carries hundreds of items
//! (docs/design.md#nothing-cached-that-can-lie). Contains no SQL.

#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::error::StoreError;
use crate::metrics::{self, Lane};

/// The most items that go out as one statement.
pub(super) const MAX_BATCH: usize = 256;

/// The most items that wait. Each belongs to a request, so this bounds memory. Further items are refused at once.
const MAX_WAITING: usize = 4096;

/// How long a statement may take. Its outcome is unknown after that.
const STATEMENT: Duration = Duration::from_secs(5);

/// What a lane runs, and what it keeps between two runs.
pub(in crate::store) trait Statement: Send + 'static {
    /// What a caller hands in.
    type Item: Send + Sync + 'static;
    /// What it is answered.
    type Outcome: Send + 'static;

    /// Answers the items in their order. Items of one batch must not affect each other.
    fn run(&mut self, items: &[Self::Item]) -> impl Future<Output = Result<Vec<Self::Outcome>, StoreError>> + Send;
}

/// The settings of lanes that are closed together. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::store) struct LaneGroup {
    /// How long an item waits before its statement.
    patience: Duration,
    /// Counts the items of each statement.
    pub(in crate::store) sizes: Arc<metrics::Lanes>,
    closed: Arc<watch::Sender<bool>>,
}

/// A queue of items of type `I`, each answered with an `O`.
pub(in crate::store) struct Batcher<I, O> {
    queue: mpsc::Sender<Waiting<I, O>>,
}

struct Waiting<I, O> {
    item: I,
    since: Instant,
    answer: oneshot::Sender<Result<O, StoreError>>,
}

type Queue<I, O> = Arc<Mutex<mpsc::Receiver<Waiting<I, O>>>>;

impl LaneGroup {
    pub(in crate::store) fn new(patience: Duration, sizes: &Arc<metrics::Lanes>) -> Self {
        Self { patience, sizes: Arc::clone(sizes), closed: Arc::new(watch::Sender::new(false)) }
    }

    /// Starts lanes on one queue, each of which has one statement in flight at a time. They end when the last caller is gone. Needs a
    /// tokio runtime.
    pub(in crate::store) fn start<S: Statement>(
        &self,
        lane: Lane,
        statements: impl IntoIterator<Item = S>,
    ) -> Batcher<S::Item, S::Outcome> {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for statement in statements {
            tokio::spawn(self.clone().run(lane, Arc::clone(&waiting), statement));
        }
        Batcher { queue }
    }

    /// Ends the lanes after their current statements, and drops what they keep. Items that wait or come later are answered
    /// [`StoreError::Overloaded`].
    pub(in crate::store) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Takes what waits, runs it as one statement, and answers, until it is closed. One lane takes at a time, so items go out in their
    /// order.
    async fn run<S: Statement>(self, lane: Lane, queue: Queue<S::Item, S::Outcome>, mut statement: S) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let mut closing = self.closed.subscribe();
        while take(&queue, &mut closing, &mut batch).await > 0 {
            send_away(&mut batch, self.patience);
            if batch.is_empty() {
                continue;
            }
            self.sizes.observe(lane, batch.len());
            let (items, answers): (Vec<_>, Vec<_>) =
                batch.drain(..).map(|waiting| (waiting.item, waiting.answer)).unzip();
            match answered(statement.run(&items)).await {
                Ok(outcomes) => send(answers, outcomes.into_iter().map(Ok)),
                // One item may be to blame: run alone, only that one fails.
                Err(error) if error.is_of_one_item() && items.len() > 1 => {
                    alone(&mut statement, &items, answers, self.patience).await;
                }
                Err(error) => send(answers, std::iter::repeat_with(|| Err(error.clone()))),
            }
        }
    }
}

impl<I, O> Batcher<I, O> {
    /// Hands in an item and waits for its answer. Once handed in it is carried out, even if the caller goes away.
    pub(in crate::store) async fn ask(&self, item: I) -> Result<O, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { item, since: Instant::now(), answer }).map_err(|_| StoreError::Overloaded)?;
        answered.await.unwrap_or(Err(StoreError::Overloaded))
    }
}

impl<I, O> Clone for Batcher<I, O> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<I, O> fmt::Debug for Batcher<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batcher({} waiting)", self.queue.max_capacity() - self.queue.capacity())
    }
}

/// Waits for items, and takes all that there are. 0 when it is closed, or when the last caller is gone.
async fn take<T>(queue: &Mutex<mpsc::Receiver<T>>, closing: &mut watch::Receiver<bool>, batch: &mut Vec<T>) -> usize {
    tokio::select! {
        biased;
        Ok(_) = closing.wait_for(|closed| *closed) => 0,
        taken = async { queue.lock().await.recv_many(batch, MAX_BATCH).await } => taken,
    }
}

/// Refuses items that have waited too long. The first of a batch have waited longest.
fn send_away<I, O>(batch: &mut Vec<Waiting<I, O>>, patience: Duration) {
    let late = batch.iter().take_while(|waiting| waiting.since.elapsed() > patience).count();
    for waiting in batch.drain(..late) {
        let _ = waiting.answer.send(Err(StoreError::Overloaded));
    }
}

/// Bounds a statement in time and catches its panics, so that it can't block the lane. The panic hook logs the panic.
async fn answered<T>(statement: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    // A panic leaves behind what a timeout does: a connection that the pool checks before it is used again.
    match tokio::time::timeout(STATEMENT, AssertUnwindSafe(statement).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(StoreError::Panicked),
        Err(_) => Err(StoreError::TimedOut),
    }
}

/// Runs each item by itself, so that a bad one fails alone. Items that have waited too long by then are refused.
async fn alone<S: Statement>(
    statement: &mut S,
    items: &[S::Item],
    answers: Vec<oneshot::Sender<Result<S::Outcome, StoreError>>>,
    patience: Duration,
) {
    let begun = Instant::now();
    for (item, answer) in items.iter().zip(answers) {
        if begun.elapsed() > patience {
            let _ = answer.send(Err(StoreError::Overloaded));
            continue;
        }
        let outcome = answered(statement.run(std::slice::from_ref(item))).await;
        // The caller may be gone; what it asked for is done all the same.
        let _ = answer.send(outcome.and_then(|mut outcomes| outcomes.pop().ok_or(StoreError::Unreadable("batch"))));
    }
}

fn send<O>(
    answers: Vec<oneshot::Sender<Result<O, StoreError>>>,
    outcomes: impl Iterator<Item = Result<O, StoreError>>,
) {
    let outcomes = outcomes.chain(std::iter::repeat_with(|| Err(StoreError::Unreadable("batch"))));
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        let _ = answer.send(outcome);
    }
}
