//! Bounds how many statements wait for a row lock at once, since each of them occupies a connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::error::StoreError;

/// How many pass at once.
const PASSING: usize = 2;

/// How long a caller waits for its turn, without a connection. Turns are short while the row is free; while it is
/// locked, waiting longer would not help.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lets few statements wait for a lock at once. Clones share the limit.
#[derive(Clone, Debug)]
pub(in crate::store) struct LockWaitLimiter(Arc<Semaphore>);

impl Default for LockWaitLimiter {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PASSING)))
    }
}

impl LockWaitLimiter {
    /// Runs a statement when its turn comes; [`StoreError::Overloaded`] when that takes too long.
    pub(in crate::store) async fn pass<T>(
        &self,
        statement: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let Ok(Ok(_passing)) = timeout(PATIENCE, self.0.acquire()).await else { return Err(StoreError::Overloaded) };
        statement.await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_too_many_is_sent_away_until_another_has_passed() {
        let limiter = LockWaitLimiter::default();
        let passing: Vec<_> = (0..PASSING)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.pass(pending::<Result<(), _>>()).await })
            })
            .collect();
        tokio::task::yield_now().await;
        let outcome = limiter.pass(async { Ok(()) }).await;
        assert!(matches!(outcome, Err(StoreError::Overloaded)), "{outcome:?}");
        // It counts too when whoever passes goes away.
        passing.iter().for_each(tokio::task::JoinHandle::abort);
        limiter.pass(async { Ok(()) }).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_take_a_moment_all_pass() {
        let limiter = LockWaitLimiter::default();
        let moment = || {
            limiter.pass(async {
                tokio::task::yield_now().await;
                Ok(())
            })
        };
        for outcome in futures_util::future::join_all((0..100).map(|_| moment())).await {
            outcome.unwrap();
        }
    }
}
