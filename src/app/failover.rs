//! What a node does when another database stands where its own was.

use std::time::Duration;

use super::App;
use crate::audit::EventKind;
use crate::store::Restoration;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

impl App {
    /// Puts revocations back whenever the database turns out to be another one than before, for ever.
    pub async fn watch_for_failover(&self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut known: Option<String> = None;
        let mut lost = Restoration::default();
        loop {
            ticks.tick().await;
            let Some(timeline) = self.store.timeline().await else { continue };
            if known.as_ref().is_some_and(|known| *known != timeline) {
                lost = self.after_failover().await;
            } else if lost.left() > 0 {
                self.restore(&mut lost).await;
            }
            known = Some(timeline);
        }
    }

    /// Puts back what this node has acknowledged. What is left then has to be tried again.
    pub async fn after_failover(&self) -> Restoration {
        self.metrics.failed_over();
        let mut lost = self.store.acknowledged_revocations();
        self.restore(&mut lost).await;
        lost
    }

    async fn restore(&self, lost: &mut Restoration) {
        let before = lost.restored();
        let outcome = self.store.restore_revocations(lost).await;
        let (restored, left) = (lost.restored() - before, lost.left());
        self.metrics.restored(restored);
        match outcome {
            Ok(()) => {
                tracing::error!(restored, "database failover detected: lost revocations restored");
            }
            Err(error) => tracing::error!(
                restored, left, %error,
                "database failover detected: some revocations are not restored yet; trying again"
            ),
        }
        if restored > 0 {
            self.record_failure(
                self.own_act().event(EventKind::SessionsRevoked).counting(restored).because("failover"),
            )
            .await;
        }
    }
}
