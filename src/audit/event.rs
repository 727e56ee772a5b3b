//! One event, and who is behind it.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::domain::{ClientId, RequestContext, SessionId, UserId};
use crate::words::words;

words! {
    /// What happened. The texts are stored and don't change.
    #[derive(Hash)]
    pub enum EventKind {
        /// A user signed in.
        SignedIn = "sign_in.ok",
        /// A sign-in failed; the reason says why.
        SignInFailed = "sign_in.failed",
        /// Something was refused for what failed before; the reason says what.
        Throttled = "throttled",
        /// A refresh token whose successor was never used was exchanged again.
        RefreshRecovered = "refresh.recovered",
        /// A refresh token was used again: theft. The session ended.
        RefreshReused = "refresh.reused",
        /// A refresh token is newer than the database, which has lost commits.
        RefreshAhead = "refresh.ahead",
        /// Sessions ended; the count says how many.
        SessionsRevoked = "sessions.revoked",
        /// One access token was revoked.
        TokenRevoked = "token.revoked",
        /// A user signed out; the count says of how many sessions.
        SignedOut = "sign_out",
        /// A user was added.
        UserAdded = "user.added",
        /// A user's address or claims changed.
        UserChanged = "user.changed",
        /// A user got another password; the count says how many sessions ended.
        PasswordSet = "user.password_set",
        /// A user was disabled; the count says how many sessions ended.
        UserDisabled = "user.disabled",
        /// A user may sign in again.
        UserEnabled = "user.enabled",
        /// A user's known devices were forgotten.
        DevicesForgotten = "user.devices_forgotten",
        /// A user was removed.
        UserRemoved = "user.removed",
        /// A client was registered.
        ClientAdded = "client.added",
        /// A registration changed, its secret among it; the count says how many sessions ended.
        ClientChanged = "client.changed",
        /// A client was removed.
        ClientRemoved = "client.removed",
        /// A signing key was added.
        KeyAdded = "key.added",
        /// A signing key was removed.
        KeyRemoved = "key.removed",
        /// Refresh tokens from before a loss of commits are accepted until the time in the target.
        RecoveryOpened = "recovery.opened",
        /// The recovery window was closed.
        RecoveryClosed = "recovery.closed",
        /// Old events were deleted; the count says how many, the target up to which moment.
        AuditPurged = "audit.purged",
        /// Where all chains ended was noted; the target is the digest of the list.
        AuditAnchored = "audit.anchored",
        /// An operator declared the trail as it is to be its beginning; the target is the digest of the list of chains.
        AuditSealed = "audit.sealed",
        /// A chain was found behind where it had been; the target is its writer, the reason says how.
        AuditRewound = "audit.rewound",
    }
}

/// Who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A client, by its credentials.
    Client(ClientId),
    /// A user, by a password or a token.
    User(UserId),
    /// The command line, by the operator's uid.
    Operator(u32),
    /// An unauthenticated caller.
    Stranger,
    /// The server itself.
    Server,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Operator(uid) => write!(f, "operator:{uid}"),
            Self::Stranger => f.write_str("stranger"),
            Self::Server => f.write_str("server"),
        }
    }
}

/// Who does something, when, and from where.
#[derive(Clone, Debug)]
pub struct AuditContext {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: UnixTime,
    /// From where, if it was a request.
    pub request_context: Option<RequestContext>,
}

impl AuditContext {
    /// The event of something that they do.
    pub fn event(&self, kind: EventKind) -> AuditEvent {
        let request_context = self.request_context.as_ref();
        AuditEvent {
            at: self.at,
            kind: Cow::Borrowed(kind.as_str()),
            count: 1,
            reason: None,
            actor: self.actor.to_string(),
            user_id: None,
            client_id: None,
            session_id: None,
            jti: None,
            target: None,
            address: request_context.map(|request_context| request_context.address.to_string()),
            user_agent: request_context.and_then(|context| context.user_agent.as_deref()).map(str::to_owned),
            request_id: request_context.map(|context| context.request_id.to_string()),
        }
    }
}

/// One event of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEvent {
    /// When it happened; when it was first seen, for one that was repeated.
    pub at: UnixTime,
    /// What, as [`EventKind::as_str`].
    pub kind: Cow<'static, str>,
    /// How often, or how many it concerned.
    pub count: i64,
    /// Why.
    pub reason: Option<String>,
    /// By whom, as [`Actor`] is written.
    pub actor: String,
    /// The user that it concerns.
    pub user_id: Option<UserId>,
    /// The client.
    pub client_id: Option<String>,
    /// The session.
    pub session_id: Option<SessionId>,
    /// The access token.
    pub jti: Option<Uuid>,
    /// What else it concerns: a key, a moment, the name of a user that was added or removed, the digest of an unknown name.
    pub target: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
    /// The `User-Agent` of the request.
    pub user_agent: Option<String>,
    /// The number of the request in the log.
    pub request_id: Option<String>,
}

impl AuditEvent {
    /// With the user that it concerns.
    #[must_use]
    pub fn user(mut self, id: UserId) -> Self {
        self.user_id = Some(id);
        self
    }

    /// With the client.
    #[must_use]
    pub fn client(mut self, id: &ClientId) -> Self {
        self.client_id = Some(id.to_string());
        self
    }

    /// With the session.
    #[must_use]
    pub fn session(mut self, id: SessionId) -> Self {
        self.session_id = Some(id);
        self
    }

    /// With the reason.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// With what else it concerns.
    #[must_use]
    pub fn of(mut self, target: String) -> Self {
        self.target = Some(target);
        self
    }

    /// With how many it concerned.
    #[must_use]
    pub fn counting(mut self, number: u64) -> Self {
        self.count = i64::try_from(number).unwrap_or(i64::MAX);
        self
    }

    /// All of it as bytes, no two events alike: what a chain seals.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&self.at.to_be_bytes());
        bytes.extend_from_slice(&self.count.to_be_bytes());
        let uuid = |id: Option<Uuid>| id.map(|id| id.to_string());
        let fields = [
            Some(self.kind.to_string()),
            self.reason.clone(),
            Some(self.actor.clone()),
            uuid(self.user_id.map(|id| id.0)),
            self.client_id.clone(),
            uuid(self.session_id.map(|id| id.0)),
            uuid(self.jti),
            self.target.clone(),
            self.address.clone(),
            self.user_agent.clone(),
            self.request_id.clone(),
        ];
        for field in fields {
            match field {
                None => bytes.push(0),
                Some(text) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        bytes
    }
}
