//! Counters and gauges for the operator's monitoring. Each label has a closed set of values that the code names. Nothing that a
//! request brings becomes a label, so neither memory nor secrets can leak.

mod certificate;
mod counters;
mod gauges;
mod hashing;
mod histogram;
mod labels;
mod lanes;
mod process;
mod requests;
#[cfg(test)]
mod tests;
mod text;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

pub use certificate::CertificateEnd;
pub(crate) use counters::Counters;
pub(crate) use gauges::{Connections, Gauges, PoolUse, SessionCount};
pub(crate) use hashing::{Hashing, HashingLoad};
pub(crate) use labels::{Lane, SignIn};
pub(crate) use lanes::Lanes;
pub(crate) use process::ProcessUse;
pub(crate) use requests::{Answered, Requests};

use tracing::Level;

use crate::throttle::Failures;
use crate::token::judge::Verdict;
use text::Text;

/// The counters of one process, all 0 at its start.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) requests: Requests,
    /// Refresh tokens of live sessions, by what became of them.
    pub(crate) refreshes: Counters<Verdict>,
    pub(crate) sign_ins: Counters<SignIn>,
    pub(crate) throttled: Counters<Failures>,
    /// The end of the TLS certificate in use, where the server speaks TLS itself.
    pub certificate: OnceLock<CertificateEnd>,
    sessions: Mutex<Option<SessionCount>>,
    failovers: AtomicU64,
    revocations_restored: AtomicU64,
    store_is_unfit: AtomicBool,
    audit_rewound: AtomicU64,
}

/// Dropped log lines by level. Logging belongs to the process and starts before the server, so this counter is global.
pub fn log_lines_dropped() -> &'static Counters<Level> {
    static DROPPED: LazyLock<Counters<Level>> = LazyLock::new(Counters::default);
    &DROPPED
}

impl Metrics {
    /// Another database has taken over.
    pub fn failed_over(&self) {
        self.failovers.fetch_add(1, Ordering::Relaxed);
    }

    /// So many revocations that it lacked were put back.
    pub fn restored(&self, restored: u64) {
        self.revocations_restored.fetch_add(restored, Ordering::Relaxed);
    }

    /// Whether sign-ins and revocations can be stored.
    pub fn store_is_writable(&self, is_writable: bool) {
        self.store_is_unfit.store(!is_writable, Ordering::Relaxed);
    }

    /// So many chains of the audit trail were found behind where they had been.
    pub fn rewound(&self, chains: usize) {
        self.audit_rewound.fetch_add(u64::try_from(chains).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// So many sessions there are.
    pub fn counted(&self, count: SessionCount) {
        *self.sessions.lock().unwrap_or_else(PoisonError::into_inner) = Some(count);
    }

    /// The last count of sessions, if there was one.
    pub fn sessions(&self) -> Option<SessionCount> {
        *self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any chain was found so.
    pub fn has_rewound(&self) -> bool {
        self.audit_rewound.load(Ordering::Relaxed) > 0
    }

    /// All of it in Prometheus' text format, version 0.0.4.
    pub fn render(&self, gauges: &Gauges) -> String {
        let mut text = Text::default();
        text.family("tokend_build_info", "gauge", "The version that runs; always 1.");
        text.sample("tokend_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.requests.render(&mut text);
        let help = "Refresh tokens of live sessions by the verdict on them. unrotated: the client's do not rotate. Alarm on ahead: the database has lost commits, \
                    and clients are refused until an operator opens a recovery window. reuse: a copied token was used, and \
                    its session has been ended.";
        self.refreshes.render(&mut text, "tokend_refreshes_total", "verdict", help);
        let help = "Sign-ins with a password. busy: sent away before anybody looked at the password.";
        self.sign_ins.render(&mut text, "tokend_sign_ins_total", "outcome", help);
        let help = "Requests refused because too many failed before, by what was counted.";
        self.throttled.render(&mut text, "tokend_throttled_total", "what", help);
        let help =
            "Log lines dropped because standard error was not read, or not fast enough. Errors and warnings go last.";
        log_lines_dropped().render(&mut text, "tokend_log_lines_dropped_total", "level", help);
        let failovers = self.failovers.load(Ordering::Relaxed);
        let help = "How often another database was found in the place of the one before.";
        text.single("tokend_failovers_total", "counter", help, failovers);
        let restored = self.revocations_restored.load(Ordering::Relaxed);
        let help = "Revocations that a database which took over had lost, and that this node put back.";
        text.single("tokend_revocations_restored_total", "counter", help, restored);
        let is_writable = u64::from(!self.store_is_unfit.load(Ordering::Relaxed));
        let help = "Whether sign-ins and revocations can be stored. While it is 0 /health/ready is 503.";
        text.single("tokend_store_writable", "gauge", help, is_writable);
        let rewound = self.audit_rewound.load(Ordering::Relaxed);
        let help = "Chains of the audit trail that this node found put back to an earlier state.";
        text.single("tokend_audit_rewound_total", "counter", help, rewound);
        gauges.render(&mut text);
        text.into_string()
    }
}
