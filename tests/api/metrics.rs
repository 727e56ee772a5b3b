//! `GET /metrics`: who may read it, that it is well formed, and that it tells what was done and nothing else.

mod access;
mod counted;
mod exposition;
mod hostile;
mod inside;

use exposition::Exposition;

use crate::harness::TestServer;

impl TestServer {
    /// All metrics, which must be well formed.
    async fn metrics(&self) -> Exposition {
        Exposition::parse(&self.get("/metrics").await.ok().text)
    }

    /// What `done` moved, beside the reading itself.
    pub(crate) async fn moved(&self, done: impl AsyncFnOnce()) -> Vec<(String, u64)> {
        let before = self.metrics().await;
        done().await;
        self.metrics().await.since(&before)
    }
}
