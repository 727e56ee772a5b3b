//! What the metrics say of a node's state, and the counting of sessions that they need.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::App;
use crate::clock::Seconds;
use crate::metrics::{CertificateEnd, Gauges, ProcessUse, SessionCount};
use crate::store::{StoreError, within};

/// How often sessions are counted at most.
const COUNT: Duration = Duration::from_mins(1);

/// Counting takes at most one part in so many of the time: with millions of sessions it is done less often.
const PAUSES: u32 = 100;

/// How long counting may take. Nobody waits for it.
const COUNTED: Duration = Duration::from_mins(10);

/// How often it is noted which master secret is in use.
const NOTE: Duration = Duration::from_mins(10);

/// For how long a note holds, in seconds: until after the next one, though that may be late.
const NOTED: Seconds = 1200;

impl App {
    /// All metrics in Prometheus' text format. Asks no database.
    pub fn render_metrics(&self) -> String {
        self.metrics.render(&self.gauges())
    }

    fn gauges(&self) -> Gauges {
        let now = self.clock.now();
        let registry = self.registry.latest();
        // The first key signs from the beginning of time, though it was made later.
        let key_since = registry.keys.signer(now).map(|key| key.signs_from().max(key.created_at()));
        let certificate_ends = self.metrics.certificate.get().map(CertificateEnd::ends_at);
        Gauges {
            registry_age: self.registry.age(),
            signing_key_age: key_since.map(|since| now.saturating_sub(since).max(0)),
            certificate_left: certificate_ends.map(|at| at.saturating_sub(now)),
            audit_is_broken: self.metrics.has_rewound() || self.store.audit().is_altered(),
            connections: self.store.connections(),
            sessions: self.metrics.sessions(),
            hashing: self.hasher.load(),
            hashed: self.hasher.times().clone(),
            lanes: self.store.lanes().clone(),
            process: ProcessUse::read(),
        }
    }

    /// Counts sessions, and notes which master secret is in use, for ever.
    pub async fn watch_sessions(&self) {
        let mut ticks = tokio::time::interval(COUNT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut count_at, mut note_at) = (Instant::now(), Instant::now());
        loop {
            let begun = ticks.tick().await;
            if begun >= note_at {
                note_at = begun + NOTE;
                if let Err(error) = within(NOTE, self.note_secret_in_use()).await {
                    tracing::warn!(%error, "noting which master secret is in use failed");
                }
            }
            if begun >= count_at {
                if let Err(error) = within(COUNTED, self.count_sessions()).await {
                    tracing::warn!(%error, "counting sessions failed");
                }
                count_at = begun + begun.elapsed() * PAUSES;
            }
        }
    }

    /// Notes that refresh tokens are made with the first master secret, for those that are refreshed later to be told apart.
    pub async fn note_secret_in_use(&self) -> Result<(), StoreError> {
        let until = self.clock.now().saturating_add(NOTED);
        self.store.audit_keys().note_use(&self.secret_id, until).await
    }

    /// Counts sessions for the metrics.
    pub async fn count_sessions(&self) -> Result<(), StoreError> {
        let counted = self.store.sessions().count_all(&self.secret_id, self.clock.now()).await?;
        let at = self.clock.now();
        self.metrics.counted(SessionCount { live: counted.live, of_old_secrets: counted.of_old_secrets, at });
        Ok(())
    }
}
