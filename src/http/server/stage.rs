//! How far the server has got in stopping. Every connection follows it.

use tokio::sync::watch;

/// A step of stopping. A server never goes back to an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It serves.
    #[default]
    Running,
    /// It serves, and tells clients to use other connections, which a load balancer opens elsewhere.
    Draining,
    /// It accepts no connection; only running requests may finish.
    Stopping,
}

/// Completes at that stage or a later one.
pub(super) async fn reached(stages: &mut watch::Receiver<Stage>, stage: Stage) {
    let _ = stages.wait_for(|current| *current >= stage).await;
}

/// The first stage after `stage`. A server that nobody can tell any more stops.
pub(super) async fn after(stages: &mut watch::Receiver<Stage>, stage: Stage) -> Stage {
    stages.wait_for(|current| *current > stage).await.map_or(Stage::Stopping, |current| *current)
}
