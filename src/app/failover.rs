//! What a node does when another database stands where its own was.

use std::time::Duration;

use super::App;
use crate::audit::Kind;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

impl App {
    /// Puts revocations back whenever the database turns out to be another one than before, for ever.
    pub async fn watch_for_failover(&self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut known: Option<String> = None;
        loop {
            ticks.tick().await;
            let Some(timeline) = self.store.timeline().await else { continue };
            let is_other = known.as_ref().is_some_and(|known| *known != timeline);
            if !is_other || self.after_failover().await {
                known = Some(timeline);
            }
        }
    }

    /// Puts back what this node has acknowledged. Whether it is done; if not, it is tried again.
    pub async fn after_failover(&self) -> bool {
        match self.store.restore_revocations().await {
            Ok(restored) => {
                self.metrics.failed_over(restored);
                tracing::error!(restored, "another database has taken over; revocations that it had lost are back");
                let event = self.own_act().event(Kind::SessionsRevoked).counting(restored).because("failover");
                if restored > 0 {
                    self.tell_failure(event).await;
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "another database has taken over, and revocations can't be put back yet");
                false
            }
        }
    }
}
