//! How far the server has got in stopping. Every connection follows it.

use tokio::sync::watch;

/// A step of stopping. A server never goes back to an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It accepts connections and serves.
    #[default]
    Running,
    /// It serves, and tells clients to close their connections, so that a load balancer sends them elsewhere.
    Draining,
    /// It accepts no connection; only running requests may finish.
    Stopping,
}

/// Waits for that stage or a later one.
pub(super) async fn reached(stages: &mut watch::Receiver<Stage>, stage: Stage) {
    let _ = stages.wait_for(|current| *current >= stage).await;
}

/// The first stage after `stage`. Without a sender the server stops.
pub(super) async fn after(stages: &mut watch::Receiver<Stage>, stage: Stage) -> Stage {
    stages.wait_for(|current| *current > stage).await.map_or(Stage::Stopping, |current| *current)
}
