//! The wait for a database that isn't there yet: on a machine that starts, and in a cluster, nobody says what comes first.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::failure::Failure;
use crate::admin::Error;
use crate::clock::length_for_people;

/// How often it is tried.
const RETRY: Duration = Duration::from_millis(250);

/// How often the operator is told.
const TELL: Duration = Duration::from_secs(5);

/// What `open` gives. While the database isn't there, it is tried again for as long as `wait` (`database.wait`), and `tell` is
/// called with the reason.
pub async fn for_database<T>(
    wait: Duration,
    open: impl AsyncFn() -> Result<T, Error>,
    tell: impl Fn(&Error),
) -> Result<T, Failure> {
    let begun = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) if wait.is_zero() || !error.is_of_absent_database() => return Err(error.into()),
            Err(error) => error,
        };
        let left = wait.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(format!("{error}; waited {} (database.wait)", length_for_people(wait)).into());
        }
        if told.is_none_or(|at| at.elapsed() >= TELL) {
            tell(&error);
            told = Some(Instant::now());
        }
        sleep(RETRY.min(left)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::store::{StartError, StoreError};

    const WAIT: Duration = Duration::from_secs(12);

    /// A database that is there after so long, and what came of the wait for it: how long it took, and how often it was told.
    async fn waited(
        absent: Duration,
        error: fn() -> StartError,
        wait: Duration,
    ) -> (Result<(), Failure>, Duration, u32) {
        let (begun, told) = (Instant::now(), Cell::new(0));
        let open = async || if begun.elapsed() < absent { Err(error().into()) } else { Ok(()) };
        let opened = for_database(wait, open, |_| told.set(told.get() + 1)).await;
        (opened, begun.elapsed(), told.get())
    }

    fn passes() -> StartError {
        StoreError::TimedOut.into()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_waited_for_as_long_as_configured() {
        let (opened, took, told) = waited(Duration::ZERO, passes, WAIT).await;
        assert!(opened.is_ok() && took.is_zero() && told == 0);
        let (opened, took, told) = waited(WAIT, passes, WAIT).await;
        assert!(opened.is_ok());
        assert_eq!((took.as_secs(), told), (12, 3), "at once, after five seconds and after ten");
        let (opened, took, _) = waited(WAIT + RETRY, passes, WAIT).await;
        let said = opened.unwrap_err().to_string();
        assert_eq!(took.as_secs(), 12);
        assert_eq!(said, "the database doesn't answer in time (setting: database); waited 12s (database.wait)");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_an_error_at_once() {
        for (error, wait) in [((|| StartError::Newer(9)) as fn() -> StartError, WAIT), (passes, Duration::ZERO)] {
            let (opened, took, told) = waited(WAIT, error, wait).await;
            assert_eq!(opened.unwrap_err().to_string(), error().to_string(), "as without a wait");
            assert!(took.is_zero() && told == 0);
        }
    }
}
