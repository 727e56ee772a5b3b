//! Whether this node can store sign-ins and revocations. Asking for readiness is anonymous, so it only reads what a task knows.

use std::time::Duration;

use tokio::time::Instant;

use super::App;
use crate::store::{Finding, StoreError, Unfit, within};

/// How often the files are looked at, and the probe is repeated while something fails.
const LOOK: Duration = Duration::from_secs(1);

/// How often the probe runs while nothing fails.
const PROBE: Duration = Duration::from_secs(10);

/// How often the preconditions of the guarantees are checked.
const PRECONDITIONS: Duration = Duration::from_secs(10);

/// How long the database may take to answer a probe or a check.
const ANSWER: Duration = Duration::from_secs(5);

/// A trouble, which is logged when it begins and when it ends.
#[derive(Debug, Default)]
struct Trouble {
    is_on: bool,
}

/// How a trouble has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Begun,
    Ended,
}

impl Trouble {
    fn becomes(&mut self, is_on: bool) -> Option<Change> {
        match (std::mem::replace(&mut self.is_on, is_on), is_on) {
            (false, true) => Some(Change::Begun),
            (true, false) => Some(Change::Ended),
            _ => None,
        }
    }
}

/// Whether a probe is due: at every look while something fails, and now and then.
fn is_due(is_in_doubt: bool, since_last: Duration) -> bool {
    is_in_doubt || since_last >= PROBE
}

impl App {
    /// Why this node can't serve, if that is known.
    pub fn unready(&self) -> Option<&'static str> {
        self.store.unfit().map(|unfit| match unfit {
            Unfit::Closed => "the store is closed",
            Unfit::FileReplaced => "the database's file was replaced or removed",
            Unfit::Broken => "a precondition of the guarantees fails",
            Unfit::Failing => "sign-ins and revocations can't be stored",
        })
    }

    /// Tries whether sign-ins and revocations can be stored. What failed before the tables were there says nothing of that.
    pub async fn try_to_store(&self) {
        // The outcome is noted for readiness.
        let _ = within(ANSWER, self.store.probe()).await;
    }

    /// Keeps what readiness goes by current, for ever.
    pub async fn watch_store(&self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut gone, mut failing, mut broken) = (Trouble::default(), Trouble::default(), Trouble::default());
        // The start has written, and checked everything.
        let (mut probed, mut looked) = (Instant::now(), Instant::now());
        loop {
            ticks.tick().await;
            self.look_at_files(&mut gone).await;
            if !gone.is_on && is_due(self.store.take_doubt(), probed.elapsed()) {
                self.probe(&mut failing).await;
                probed = Instant::now();
            }
            if !gone.is_on && (broken.is_on || looked.elapsed() >= PRECONDITIONS) {
                self.look_at_preconditions(&mut broken).await;
                looked = Instant::now();
            }
            self.metrics.store_is_writable(self.store.unfit().is_none());
        }
    }

    async fn look_at_files(&self, gone: &mut Trouble) {
        let missing = self.store.look_at_files().await;
        match (gone.becomes(missing.is_some()), missing) {
            (Some(Change::Begun), Some(missing)) => tracing::error!(
                "{missing} while the server runs: nothing is read or stored until the file that was there is back, or the \
                 server is restarted"
            ),
            (Some(Change::Ended), _) => tracing::info!("the database's files are where they were opened"),
            _ => {}
        }
    }

    async fn probe(&self, failing: &mut Trouble) {
        let probed = within(ANSWER, self.store.probe()).await;
        if matches!(probed, Err(StoreError::TimedOut)) {
            self.store.probe_is_overdue();
        }
        match (failing.becomes(probed.is_err()), probed) {
            (Some(Change::Begun), Err(error)) => tracing::error!(
                %error,
                "sign-ins and revocations can't be stored: /health/ready is 503 until they can; look at the database, its \
                 disk, and the rights of tokend's role"
            ),
            (Some(Change::Ended), _) => tracing::info!("sign-ins and revocations can be stored again"),
            _ => {}
        }
    }

    /// An outage is no finding: the probe notices that.
    async fn look_at_preconditions(&self, broken: &mut Trouble) {
        let config = &self.config;
        let asked = self.store.findings(config.postgres.max_connections);
        let Ok(findings) = within(ANSWER, asked).await else { return };
        let refused: Vec<&Finding> =
            findings.iter().filter(|finding| finding.is_refused(config.database_rules.unsafe_durability)).collect();
        self.store.set_broken(!refused.is_empty());
        match broken.becomes(!refused.is_empty()) {
            Some(Change::Begun) => {
                for finding in refused {
                    tracing::error!(%finding, "a guarantee doesn't hold on this database: /health/ready is 503 until that is mended");
                }
            }
            Some(Change::Ended) => tracing::info!("the database meets all preconditions again"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_due_after_a_failure_or_after_a_while() {
        let (second, just_before) = (Duration::from_secs(1), PROBE.saturating_sub(Duration::from_secs(1)));
        for (is_in_doubt, since_last, due) in
            [(false, second, false), (false, just_before, false), (false, PROBE, true), (true, second, true)]
        {
            assert_eq!(is_due(is_in_doubt, since_last), due, "{is_in_doubt} {since_last:?}");
        }
    }

    #[test]
    fn a_trouble_changes_once_each_way() {
        let mut trouble = Trouble::default();
        let changes = [false, true, true, false, false].map(|is_on| trouble.becomes(is_on));
        assert_eq!(changes, [None, Some(Change::Begun), None, Some(Change::Ended), None]);
    }
}
