//! A time limit for statements that belong to no request. On a connection that went silent the operating system would
//! wait for a quarter of an hour, or for ever.

use std::time::Duration;

use super::error::StoreError;

/// Gives up what takes longer than `limit`. What was asked of the database may have been done all the same.
pub async fn within<T, E: From<StoreError>>(
    limit: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| Err(StoreError::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_is_given_up() {
        let limit = Duration::from_secs(2);
        let silent: Result<(), StoreError> = within(limit, std::future::pending()).await;
        assert!(matches!(silent, Err(StoreError::TimedOut)), "{silent:?}");
        let answered: Result<i32, StoreError> = within(limit, async { Ok(1) }).await;
        assert!(matches!(answered, Ok(1)), "{answered:?}");
    }
}
