//! Failures that repeat: the first is told at once, the rest as one event with their number, so that nobody who fails a
//! thousand times a second fills the disk. Bounded, whatever is tried.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::AuditEvent;
use crate::clock::{Seconds, UnixTime};
use crate::domain::UserId;

/// For how long the same failure is counted before it is told again, in seconds.
const WINDOW: Seconds = 60;

/// How many different failures are told apart in that time. Those beyond are one, whoever is behind them.
const APART: usize = 500;

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
    /// Not told yet; its count is how often.
    untold: Option<AuditEvent>,
}

impl Repeats {
    /// Takes note of a failure. It is given back if it is to be told at once.
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
        if seen.len() >= APART && !seen.contains_key(&same) {
            same.particulars = None;
        }
        let is_beyond = same.particulars.is_none();
        let Some(repeated) = seen.get_mut(&same) else {
            seen.insert(same, Repeated { since: event.at, untold: None });
            return Some(if is_beyond { without_particulars(event) } else { event });
        };
        match &mut repeated.untold {
            Some(untold) => untold.count = untold.count.saturating_add(1),
            untold @ None => *untold = Some(if is_beyond { without_particulars(event) } else { event }),
        }
        None
    }

    /// What is to be told by now: of what began a window ago. With `all`, of everything.
    pub fn due(&self, now: UnixTime, all: bool) -> Vec<AuditEvent> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not keep anything untold.
        let is_over = |repeated: &Repeated| all || !(0..WINDOW).contains(&now.saturating_sub(repeated.since));
        seen.extract_if(|_, repeated| is_over(repeated)).filter_map(|(_, repeated)| repeated.untold).collect()
    }
}

/// What is left to say when there are too many to tell apart.
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
