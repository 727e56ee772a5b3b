//! The audit trail: its events, and whether it is whole.

use serde::Serialize;
use uuid::Uuid;

use super::view::one_more;
use super::{Admin, Error, Page, user};
use crate::audit::{Actor, AuditContext, AuditEvent, EventKind};
use crate::clock::UnixTime;
use crate::domain::{SessionId, UserId, Username};
pub(crate) use crate::store::audit_events::EventQuery;
use crate::store::audit_events::{ChainEnds, NamedEvent};

/// An event, with the names that its user and its client have now.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EventView {
    pub at: UnixTime,
    pub kind: String,
    pub count: i64,
    pub reason: Option<String>,
    pub actor: String,
    pub user_id: Option<UserId>,
    pub username: Option<String>,
    pub client_id: Option<String>,
    pub client_name: Option<String>,
    pub session_id: Option<SessionId>,
    pub jti: Option<Uuid>,
    pub target: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
}

/// What a verification found.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    pub events: u64,
    pub chains: u64,
    pub anchors: u64,
    /// What is wrong, in words; empty when nothing is.
    pub findings: Vec<String>,
}

/// Reads new events as they come.
pub(crate) struct Follower<'a> {
    admin: &'a Admin,
    query: EventQuery,
    ends: ChainEnds,
}

/// The user whose events are meant, by name or address. One who was removed has no name any more, so it may be the id, which
/// `user.removed` tells.
pub(crate) async fn user_of(admin: &Admin, name: &Username) -> Result<UserId, Error> {
    match user::find(admin, name).await {
        Ok(found) => Ok(found.id),
        Err(unknown) => name.as_str().parse().map(UserId).map_err(|_| unknown),
    }
}

/// Events, the newest first.
pub(crate) async fn list(admin: &Admin, query: &EventQuery, limit: i64) -> Result<Page<EventView>, Error> {
    Ok(Page::of(admin.store.audit().list_named(query, one_more(limit)).await?, limit, EventView::from))
}

/// The newest `limit` events, the oldest first, and what follows them.
pub(crate) async fn follow(
    admin: &Admin,
    query: EventQuery,
    limit: i64,
) -> Result<(Vec<EventView>, Follower<'_>), Error> {
    let ends = admin.store.audit().chain_ends().await?;
    let mut events = admin.store.audit().list_named(&query, limit).await?;
    // What was stored in between comes with the first look.
    events.retain(|event| ends.cover(event));
    events.reverse();
    Ok((events.into_iter().map(EventView::from).collect(), Follower { admin, query, ends }))
}

impl Follower<'_> {
    /// The events that were stored since the last call that succeeded.
    pub async fn next(&mut self) -> Result<Vec<EventView>, Error> {
        let (mut events, ends) = self.admin.store.audit().events_after(&self.ends).await?;
        self.ends = ends;
        events.retain(|named| self.query.matches(&named.event));
        Ok(events.into_iter().map(EventView::from).collect())
    }
}

/// Checks that no event was changed, left out or cut off.
pub(crate) async fn verify(admin: &Admin) -> Result<Verified, Error> {
    let verified = admin.store.audit().verify().await?.ok_or_else(no_keys)?;
    Ok(Verified {
        events: verified.events,
        chains: verified.chains,
        anchors: verified.anchors,
        findings: verified.findings.iter().map(ToString::to_string).collect(),
    })
}

/// Fails unless the anchor with this digest is in the trail.
pub(crate) async fn require_anchor(admin: &Admin, digest: &str) -> Result<(), Error> {
    if admin.store.audit().has_anchor(digest).await? {
        return Ok(());
    }
    let text = format!("anchor {digest} is not in the audit trail: the trail was put back, or it was purged");
    Err(Error::Conflict(text))
}

/// Declares the trail as it is to be its beginning. How many chains it has.
pub(crate) async fn seal(admin: &Admin) -> Result<usize, Error> {
    admin.store.audit().seal().await?.ok_or_else(no_keys)
}

/// Records what this process found wrong with its chain, and answers it in words.
pub(crate) async fn record_rewound(admin: &Admin, actor: Actor) -> Result<Vec<String>, Error> {
    let event = AuditContext { actor, at: admin.now(), request_context: None }.event(EventKind::AuditRewound);
    let rewound = admin.store.audit().record_rewound(&event).await?;
    Ok(rewound.iter().map(|found| format!("audit chain {}: {}", found.writer, found.reason)).collect())
}

/// Anchors what this process wrote, if anything.
pub(crate) async fn anchor(admin: &Admin, actor: Actor) -> Result<(), Error> {
    if admin.store.audit().has_recorded() {
        let event = AuditContext { actor, at: admin.now(), request_context: None }.event(EventKind::AuditAnchored);
        admin.store.audit().anchor(event, true).await?;
    }
    Ok(())
}

fn no_keys() -> Error {
    Error::failed("the keys of the audit trail are not known")
}

impl From<NamedEvent> for EventView {
    fn from(NamedEvent { event, username, client_name, .. }: NamedEvent) -> Self {
        let AuditEvent { at, kind, count, reason, actor, user_id, client_id, session_id, jti, .. } = event;
        Self {
            at,
            kind: kind.into_owned(),
            count,
            reason,
            actor,
            user_id,
            username,
            client_id,
            client_name,
            session_id,
            jti,
            target: event.target,
            address: event.address,
            user_agent: event.user_agent,
            request_id: event.request_id,
        }
    }
}
