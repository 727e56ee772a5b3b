//! Threads that each run tasks of their own. A task stays on the thread that it began on, mostly with all that it waits for, so that
//! threads seldom have to wake each other: on few cores that costs more than what an endpoint does.

use std::io;
use std::thread::{Builder, JoinHandle};

use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

/// Threads with a runtime each. They end when this is dropped, and what still runs on them with them.
#[derive(Debug, Default)]
pub struct Threads(Vec<Thread>);

#[derive(Debug)]
struct Thread {
    runtime: Handle,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Threads {
    /// Starts so many.
    pub fn start(number: usize) -> io::Result<Self> {
        (0..number).map(|_| Thread::start()).collect::<io::Result<Vec<_>>>().map(Self)
    }

    /// What starts tasks on each of them.
    pub fn runtimes(&self) -> impl Iterator<Item = &Handle> {
        self.0.iter().map(|thread| &thread.runtime)
    }
}

impl Thread {
    fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let handle = runtime.handle().clone();
        let ended = Builder::new().name("tokend-worker".to_owned()).spawn(move || {
            let _ = runtime.block_on(stopped);
            // A name server that doesn't answer holds one of its threads, which would be waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, stop, ended })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for Thread { stop, ended, .. } in self.0.drain(..) {
            drop(stop);
            // One that panicked has said so.
            let _ = ended.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn each_runs_its_tasks_by_itself_until_they_are_dropped() {
        let threads = Threads::start(3).unwrap();
        let mut seen = vec![thread::current().id()];
        let held = Arc::new(());
        for runtime in threads.runtimes() {
            seen.push(runtime.spawn(async { thread::current().id() }).await.unwrap());
            let still_held = Arc::clone(&held);
            runtime.spawn(async move {
                std::future::pending::<()>().await;
                drop(still_held);
            });
        }
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().enumerate().all(|(place, id)| !seen[..place].contains(id)), "four threads: {seen:?}");
        drop(threads);
        assert_eq!(Arc::strong_count(&held), 1, "what ran on them is gone");
    }
}
