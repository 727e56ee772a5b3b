//! The request that a task or a thread works for, so that log lines written far below `http` can name it. Work that moves to
//! another thread takes the request along by [`Carried`]. A batch works for many requests and has none.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

tokio::task_local! {
    static REQUEST_ID: Arc<str>;
}

/// Runs `work` for the request with that id. `work` stays where it is: the future of a request is large, and to move it costs
/// more than the rest of this.
pub(crate) async fn scope<F: Future>(id: Arc<str>, mut work: Pin<&mut F>) -> F::Output {
    poll_fn(|context| REQUEST_ID.sync_scope(Arc::clone(&id), || work.as_mut().poll(context))).await
}

/// Runs `work` for the request with that id, without awaiting.
pub(crate) fn sync_scope<T>(id: Arc<str>, work: impl FnOnce() -> T) -> T {
    REQUEST_ID.sync_scope(id, work)
}

/// Calls `show` with the id of the current request, if there is one.
pub(crate) fn with_id<T>(show: impl FnOnce(&str) -> T) -> Option<T> {
    REQUEST_ID.try_with(|id| show(id)).ok()
}

/// The request, if any, of work that moves to another thread.
pub(crate) struct Carried(Option<Arc<str>>);

impl Carried {
    /// The current request.
    pub(crate) fn here() -> Self {
        Self(REQUEST_ID.try_with(Arc::clone).ok())
    }

    /// Runs `work` for that request.
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        match self.0 {
            Some(id) => sync_scope(id, work),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn current() -> Option<String> {
        with_id(str::to_owned)
    }

    #[tokio::test]
    async fn requests_that_run_by_turns_on_one_thread_keep_their_ids() {
        let work = |id: &str| {
            let id: Arc<str> = id.into();
            async move {
                let steps = pin!(async {
                    for _ in 0..3 {
                        assert_eq!(current().as_deref(), Some(&*id));
                        tokio::task::yield_now().await;
                    }
                });
                scope(Arc::clone(&id), steps).await;
            }
        };
        tokio::join!(work("one"), work("two"));
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn work_that_is_handed_to_another_thread_takes_its_request_along() {
        let elsewhere = |carried: Carried| std::thread::spawn(|| carried.run(current)).join().unwrap();
        let found = scope("one".into(), pin!(async { elsewhere(Carried::here()) })).await;
        assert_eq!((found.as_deref(), elsewhere(Carried::here())), (Some("one"), None));
    }
}
