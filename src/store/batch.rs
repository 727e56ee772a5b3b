//! Natural batching: while a statement is in flight callers queue, and when it returns all that queued go out as one.
//! No timer, no added wait when idle; under load one commit carries hundreds (DESIGN.md §4). Knows nothing of SQL.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};

use super::StoreError;

/// The most items that go out as one statement.
pub(super) const MAX_BATCH: usize = 256;

/// The most items that wait. Each belongs to a request, so this bounds memory, and who comes later is sent away at once.
const MAX_WAITING: usize = 4096;

/// How long a statement may take. Its outcome is unknown after that.
const STATEMENT: Duration = Duration::from_secs(5);

/// A queue of items of type `I`, each answered with an `O`.
pub(super) struct Batcher<I, O> {
    queue: mpsc::Sender<Waiting<I, O>>,
}

struct Waiting<I, O> {
    item: I,
    answer: oneshot::Sender<Result<O, StoreError>>,
}

type Queue<I, O> = Arc<Mutex<mpsc::Receiver<Waiting<I, O>>>>;

impl<I: Clone + Send + 'static, O: Send + 'static> Batcher<I, O> {
    /// Starts as many `lanes` as statements may be in flight at once. `run` answers its items in their order; it must
    /// see to it that items of one batch don't disturb each other. The lanes end when the last caller is gone.
    pub(super) fn start<R, F>(lanes: usize, run: R) -> Self
    where
        R: Fn(Vec<I>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Vec<O>, StoreError>> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..lanes {
            tokio::spawn(lane(Arc::clone(&waiting), run.clone()));
        }
        Self { queue }
    }

    /// Hands in an item and waits for its answer. Once handed in it is carried out, also if the caller goes away.
    pub(super) async fn ask(&self, item: I) -> Result<O, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { item, answer }).map_err(|_| StoreError::Overloaded)?;
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

/// Takes what waits, runs it as one, answers; for ever. Only one lane takes at a time, so items go out in their order.
async fn lane<I, O, R, F>(queue: Queue<I, O>, run: R)
where
    I: Clone,
    R: Fn(Vec<I>) -> F,
    F: Future<Output = Result<Vec<O>, StoreError>>,
{
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.lock().await.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (items, answers): (Vec<I>, Vec<_>) = batch.drain(..).map(|waiting| (waiting.item, waiting.answer)).unzip();
        match in_time(run(items.clone())).await {
            Ok(outcomes) => send(answers, outcomes.into_iter().map(Ok)),
            // Nobody's items can be told apart from their neighbours' here, unless each goes alone.
            Err(error) if error.is_of_one_item() && items.len() > 1 => alone(&run, items, answers).await,
            Err(error) => send(answers, std::iter::repeat_with(|| Err(error.clone()))),
        }
    }
}

/// A statement that gets no answer must not hold up everybody who comes after it.
async fn in_time<T>(statement: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(STATEMENT, statement).await.unwrap_or(Err(StoreError::TimedOut))
}

/// Runs each item by itself, so that a bad one fails alone.
async fn alone<I, O, R, F>(run: &R, items: Vec<I>, answers: Vec<oneshot::Sender<Result<O, StoreError>>>)
where
    R: Fn(Vec<I>) -> F,
    F: Future<Output = Result<Vec<O>, StoreError>>,
{
    for (item, answer) in items.into_iter().zip(answers) {
        let outcome = in_time(run(vec![item])).await;
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
