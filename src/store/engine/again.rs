//! Repeats an operation when its connection was lost or a deadlock undid it. The operation must be safe to do twice.

use super::condition::Condition;
use super::error::StoreError;

/// Runs an operation, and once more when its connection was lost, as all are when PostgreSQL restarts. After the first
/// loss the pool checks every other connection before it is used. What PostgreSQL undid to break a deadlock is tried once more too.
pub(in crate::store) async fn again<T, F: Future<Output = Result<T, StoreError>>>(
    condition: &Condition,
    operation: impl Fn() -> F,
) -> Result<T, StoreError> {
    let outcome = match operation().await {
        Err(error) if error.is_of_connection() => {
            condition.note(&error);
            operation().await
        }
        Err(error) if error.is_rollback() => operation().await,
        outcome => outcome,
    };
    outcome.inspect_err(|error| condition.note_final(error))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn lost() -> StoreError {
        sqlx::Error::WorkerCrashed.into()
    }

    /// How often it is tried, and how it ends, when the first of `failures` tries fail with `error`.
    async fn tried(failures: u32, error: fn() -> StoreError) -> (u32, bool, Condition) {
        let (tries, condition) = (Cell::new(0), Condition::default());
        let outcome = again(&condition, || async {
            tries.set(tries.get() + 1);
            if tries.get() > failures { Ok(()) } else { Err(error()) }
        });
        let is_done = outcome.await.is_ok();
        (tries.get(), is_done, condition)
    }

    #[tokio::test]
    async fn a_lost_connection_is_replaced_once_and_nothing_else_is_tried_again() {
        for (failures, error, expected) in [
            (0, lost as fn() -> StoreError, (1, true, false)),
            (1, lost, (2, true, false)),
            (2, lost, (2, false, true)),
            (1, || StoreError::TimedOut, (1, false, true)),
            (1, || StoreError::Locked, (1, false, false)),
        ] {
            let (tries, is_done, condition) = tried(failures, error).await;
            assert_eq!((tries, is_done, condition.is_suspect()), expected);
        }
    }
}
