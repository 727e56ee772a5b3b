//! What a server does for the audit trail by itself: it writes anchors, and tells of chains that were put back.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::App;
use crate::audit::EventKind;
use crate::store::within;

/// How often an anchor is due, and telling is tried again that failed.
const ANCHOR: Duration = Duration::from_mins(1);

/// How long an anchor may take. Nothing waits for it but the end of the process.
const WRITTEN: Duration = Duration::from_secs(2);

impl App {
    /// Writes an anchor once a minute if any chain has moved, and tells of chains that were put back. For ever. The start has written
    /// the first anchor.
    pub async fn watch_trail(&self) {
        let mut ticks = tokio::time::interval(ANCHOR);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                _ = ticks.tick() => self.anchor_audit(false).await,
                () = self.store.audit().rewound_is_found() => {}
            }
            self.record_rewound().await;
        }
    }

    /// Writes an anchor if any chain has moved since the last one, or `always`.
    pub async fn anchor_audit(&self, always: bool) {
        let event = self.own_act().event(EventKind::AuditAnchored);
        match within(WRITTEN, self.store.audit().anchor(event, always)).await {
            Ok(None) => {}
            Ok(Some(anchored)) => {
                tracing::info!(digest = anchored.digest, chains = anchored.chains, "audit trail anchored");
            }
            Err(error) => tracing::warn!(%error, "anchoring the audit trail failed"),
        }
    }

    /// Tells of chains that were found behind where they had been.
    pub async fn record_rewound(&self) {
        let event = self.own_act().event(EventKind::AuditRewound);
        match within(WRITTEN, self.store.audit().record_rewound(&event)).await {
            Ok(rewound) => {
                self.metrics.rewound(rewound.len());
                for found in rewound {
                    tracing::error!(
                        chain = %found.writer, reason = found.reason,
                        "a chain of the audit trail was put back: run tokend audit verify"
                    );
                }
            }
            Err(error) => tracing::warn!(%error, "could not write audit chains that were put back to the audit trail"),
        }
    }
}
