//! The audit trail: its events, and whether it is whole.

use super::view::one_more;
use super::{Admin, Error, Page, user};
use crate::audit::{Actor, AuditContext, EventKind};
use crate::domain::{UserId, Username};
use crate::store::audit_events::ChainEnds;
pub(crate) use crate::store::audit_events::{EventQuery, NamedEvent, Verified};

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
pub(crate) async fn list(admin: &Admin, query: &EventQuery, limit: i64) -> Result<Page<NamedEvent>, Error> {
    Ok(Page::of(admin.store.audit().list_named(query, one_more(limit)).await?, limit, |event| event))
}

/// The newest `limit` events, the oldest first, and what follows them.
pub(crate) async fn follow(
    admin: &Admin,
    query: EventQuery,
    limit: i64,
) -> Result<(Vec<NamedEvent>, Follower<'_>), Error> {
    let ends = admin.store.audit().chain_ends().await?;
    let mut events = admin.store.audit().list_named(&query, limit).await?;
    // What was stored in between comes with the first look.
    events.retain(|event| ends.cover(event));
    events.reverse();
    Ok((events, Follower { admin, query, ends }))
}

impl Follower<'_> {
    /// The events that were stored since the last call that succeeded.
    pub async fn next(&mut self) -> Result<Vec<NamedEvent>, Error> {
        let (mut events, ends) = self.admin.store.audit().events_after(&self.ends).await?;
        self.ends = ends;
        events.retain(|named| self.query.matches(&named.event));
        Ok(events)
    }
}

/// Checks that no event was changed, left out or cut off.
pub(crate) async fn verify(admin: &Admin) -> Result<Verified, Error> {
    admin.store.audit().verify().await?.ok_or_else(no_keys)
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
