//! Repeated failures: the first is recorded at once, the rest as one event with their count. So a thousand failures a second don't
//! fill the disk. Memory is bounded.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::AuditEvent;
use crate::clock::{Seconds, UnixTime};
use crate::domain::UserId;

/// How long the same failure is counted before it is recorded again, in seconds.
const WINDOW: Seconds = 60;

/// How many different failures are kept apart in that time. All beyond count as one.
const MAX_KINDS: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Same {
    kind: String,
    reason: Option<String>,
    /// Who, what and where; `None` for all those beyond.
    particulars: Option<Particulars>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Particulars {
    user: Option<UserId>,
    client: Option<String>,
    target: Option<String>,
    address: Option<String>,
}

/// What has failed lately.
#[derive(Default)]
pub struct Repeats(Mutex<HashMap<Same, Repeated>>);

struct Repeated {
    since: UnixTime,
    /// Not recorded yet; its count is how often.
    pending: Option<AuditEvent>,
}

impl Repeats {
    /// Counts a failure. Returns the event if it is to be recorded at once.
    pub fn note(&self, event: AuditEvent) -> Option<AuditEvent> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut same = Same {
            kind: event.kind.to_string(),
            reason: event.reason.clone(),
            particulars: Some(Particulars {
                user: event.user_id,
                client: event.client_id.clone(),
                target: event.target.clone(),
                address: event.address.clone(),
            }),
        };
        if seen.len() >= MAX_KINDS && !seen.contains_key(&same) {
            same.particulars = None;
        }
        let is_beyond = same.particulars.is_none();
        let Some(repeated) = seen.get_mut(&same) else {
            seen.insert(same, Repeated { since: event.at, pending: None });
            return Some(if is_beyond { without_particulars(event) } else { event });
        };
        match &mut repeated.pending {
            Some(pending) => pending.count = pending.count.saturating_add(1),
            pending @ None => *pending = Some(if is_beyond { without_particulars(event) } else { event }),
        }
        None
    }

    /// The events to record at `now`: those whose window is over. With `all`, every one.
    pub fn due(&self, now: UnixTime, all: bool) -> Vec<AuditEvent> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not hold an event back.
        let is_over = |repeated: &Repeated| all || !(0..WINDOW).contains(&now.saturating_sub(repeated.since));
        seen.extract_if(|_, repeated| is_over(repeated)).filter_map(|(_, repeated)| repeated.pending).collect()
    }
}

/// The event without what tells it from others of its kind.
fn without_particulars(event: AuditEvent) -> AuditEvent {
    AuditEvent {
        user_id: None,
        client_id: None,
        session_id: None,
        jti: None,
        target: Some("(many)".to_owned()),
        address: None,
        user_agent: None,
        request_id: None,
        ..event
    }
}

impl fmt::Debug for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repeats(..)")
    }
}
