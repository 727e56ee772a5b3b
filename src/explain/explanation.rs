//! The answer of `tokend explain`.

use serde::Serialize;

use crate::audit::AuditEvent;
use crate::domain::{Session, SessionId, UserId};

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// What it is.
    pub what: &'static str,
    /// Whether it would be accepted at this moment; `None` where that can't be told from what was asked.
    pub accepted: Option<bool>,
    /// Why, or why not.
    pub because: String,
    /// The session that it belongs to.
    pub session_id: Option<SessionId>,
    /// The user of the session.
    pub user_id: Option<UserId>,
    /// The client that it was issued to.
    pub client_id: Option<String>,
    /// The resource servers that it is for.
    pub audience: Vec<String>,
    /// What it grants; empty for nothing.
    pub scope: String,
    /// The clients that are answered `active: true` when they introspect it.
    pub active_for: Vec<String>,
    /// Whether `/userinfo` takes it; `None` for what isn't a living access token.
    pub userinfo: Option<&'static str>,
    /// What happened to it, the newest first.
    #[serde(skip)]
    pub history: Vec<AuditEvent>,
}

impl Explanation {
    pub(super) fn of(what: &'static str, verdict: Result<String, String>) -> Self {
        let accepted = Some(verdict.is_ok());
        let (Ok(because) | Err(because)) = verdict;
        Self { accepted, ..Self::unknown(what, because) }
    }

    pub(super) fn unknown(what: &'static str, because: String) -> Self {
        Self {
            what,
            accepted: None,
            because,
            session_id: None,
            user_id: None,
            client_id: None,
            audience: Vec::new(),
            scope: String::new(),
            active_for: Vec::new(),
            userinfo: None,
            history: Vec::new(),
        }
    }

    pub(super) fn with_session(self, session: &Session) -> Self {
        Self {
            session_id: Some(session.id),
            user_id: Some(session.user_id),
            client_id: Some(session.client_id.to_string()),
            audience: session.audience.clone(),
            scope: session.scope.to_string(),
            ..self
        }
    }
}
