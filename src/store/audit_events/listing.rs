//! Events for operators: filtered, with the names of users and clients, and followed as they are written.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;
use uuid::Uuid;

use super::row::{EventRow, PAGE, event_columns};
use super::trail::Audit;
use crate::audit::{Actor, AuditEvent, EventKind};
use crate::clock::UnixTime;
use crate::domain::{ClientId, SessionId, UserId};
use crate::store::StoreError;
use crate::store::engine::{Handle, from_row, sql};

/// Which events are meant: those for which all of this holds.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// They happened then or later.
    pub since: UnixTime,
    /// They concern this user.
    pub user: Option<UserId>,
    /// They concern this session.
    pub session: Option<SessionId>,
    /// They are of this kind.
    pub kind: Option<EventKind>,
    /// They concern this client, or it caused them.
    pub client: Option<ClientId>,
    /// They came from there.
    pub network: Option<IpNet>,
    /// Anchors too.
    pub anchors: bool,
}

/// An event with the names that its user and its client have now.
#[derive(Clone, Debug, Serialize)]
pub struct NamedEvent {
    /// The event.
    #[serde(flatten)]
    pub event: AuditEvent,
    /// The name of its user, if that one is still there.
    pub username: Option<String>,
    /// What people call its client, if that one is still there.
    pub client_name: Option<String>,
    #[serde(skip)]
    writer: Uuid,
    #[serde(skip)]
    seq: i64,
}

/// Where each chain ends, as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct ChainEnds(HashMap<Uuid, i64>);

from_row! {
    struct NamedRow {
        writer: Uuid,
        username: Option<String>,
        client_name: Option<String>,
        ..event: EventRow,
    }
}

impl From<NamedRow> for NamedEvent {
    fn from(row: NamedRow) -> Self {
        let (writer, seq) = (row.writer, row.event.seq);
        Self { event: row.event.into(), username: row.username, client_name: row.client_name, writer, seq }
    }
}

from_row! {
    struct EndRow {
        writer: Uuid,
        seq: i64,
    }
}

/// The events that the inner statement finds, and the names of their users and clients. The names are looked up for what is shown,
/// and not for what is passed over.
macro_rules! named {
    ($which:expr, $order:literal, $limit:literal) => {
        concat!(
            "SELECT e.writer, ",
            event_columns!("e."),
            ", u.username, c.name AS client_name FROM (SELECT writer, ",
            event_columns!(),
            " FROM audit_events WHERE ",
            $which,
            " ORDER BY ",
            $order,
            " LIMIT ",
            $limit,
            ") AS e LEFT JOIN users u ON u.id = e.user_id LEFT JOIN clients c ON c.id = e.client_id"
        )
    };
}

/// From $1 on and before the event ($2, $3, $4), the newest first: the index by time is gone through from its end until there are
/// enough, and no further back than $1. A user's or a session's events have an index of their own.
macro_rules! page {
    ($whose:literal) => {
        named!(
            concat!(
                $whose,
                " AND at >= $1 AND at <= $2 AND (at < $2 OR writer < $3 OR (writer = $3 AND seq < $4)) \
                 AND ($5 OR kind <> 'audit.anchored') AND ($6 IS NULL OR kind = $6) \
                 AND ($7 IS NULL OR client_id = $7 OR actor = $8) AND ($9 IS NULL OR address = $9)"
            ),
            "at DESC, writer DESC, seq DESC",
            "$12"
        )
    };
}

const PAGE_OF_ALL: &str = page!("$10 IS NULL AND $11 IS NULL");
const PAGE_OF_USER: &str = page!("user_id = $10 AND $11 IS NULL");
const PAGE_OF_SESSION: &str = page!("session_id = $11 AND ($10 IS NULL OR user_id = $10)");

/// A generic plan doesn't know the limit, and sorts the whole trail; a custom plan reads the index backwards.
const IN_ORDER: &str = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_bitmapscan = off";

/// What the chain $1 has behind its event $2, by its primary key.
const BEHIND: &str = named!("writer = $1 AND seq > $2", "seq", "$3");

const ENDS: &str = "SELECT writer, seq FROM audit_chains";

impl EventQuery {
    /// Whether an event is meant.
    pub fn matches(&self, event: &AuditEvent) -> bool {
        let is = |wanted: Option<bool>| wanted.unwrap_or(true);
        let caused = |client: &ClientId| event.actor == actor(client);
        let from = |network: &IpNet| {
            event.address.as_deref().and_then(|text| text.parse().ok()).is_some_and(|ip: IpAddr| network.contains(&ip))
        };
        event.at >= self.since
            && is(self.user.map(|id| event.user_id == Some(id)))
            && is(self.session.map(|id| event.session_id == Some(id)))
            && is(self.kind.map(|kind| event.kind == kind.as_str()))
            && is(self.client.as_ref().map(|id| event.client_id.as_deref() == Some(id.as_str()) || caused(id)))
            && is(self.network.as_ref().map(from))
            && (self.with_anchors() || event.kind != EventKind::AuditAnchored.as_str())
    }

    fn with_anchors(&self) -> bool {
        self.anchors || self.kind == Some(EventKind::AuditAnchored)
    }

    /// The address, where the network is a single one: SQL compares texts, and knows nothing of networks.
    fn address(&self) -> Option<String> {
        let single = self.network.filter(|network| network.prefix_len() == network.max_prefix_len());
        single.map(|network| network.addr().to_string())
    }

    fn statement(&self) -> &'static str {
        match (self.user, self.session) {
            (_, Some(_)) => PAGE_OF_SESSION,
            (Some(_), None) => PAGE_OF_USER,
            (None, None) => PAGE_OF_ALL,
        }
    }
}

/// As [`crate::audit::Actor`] writes a client.
fn actor(client: &ClientId) -> String {
    Actor::Client(client.clone()).to_string()
}

impl NamedEvent {
    /// Where it is in the trail: later ones are greater, as far as the clocks of several nodes can tell.
    pub fn place(&self) -> (UnixTime, Uuid, i64) {
        (self.event.at, self.writer, self.seq)
    }
}

impl ChainEnds {
    /// Whether an event had been stored when the ends were read.
    pub fn cover(&self, event: &NamedEvent) -> bool {
        self.0.get(&event.writer).is_some_and(|end| event.seq <= *end)
    }
}

impl Audit<'_> {
    /// Up to `limit` events, the newest first.
    pub async fn list_named(self, query: &EventQuery, limit: i64) -> Result<Vec<NamedEvent>, StoreError> {
        // SQL can't filter by network, so more events are read than are shown.
        let is_picked_here = query.network.is_some() && query.address().is_none();
        let size = if is_picked_here { PAGE } else { limit };
        let enough = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut found, mut before) = (Vec::new(), (UnixTime::MAX, Uuid::max(), i64::MAX));
        loop {
            let page = self.store.db.again(|| self.page(query, before, size)).await?;
            let is_last = i64::try_from(page.len()).unwrap_or(i64::MAX) < size;
            before = page.last().map_or(before, NamedEvent::place);
            found.extend(page.into_iter().filter(|named| query.matches(&named.event)));
            if is_last || !is_picked_here || found.len() >= enough {
                found.truncate(enough);
                return Ok(found);
            }
        }
    }

    async fn page(
        self,
        query: &EventQuery,
        (at, writer, seq): (UnixTime, Uuid, i64),
        size: i64,
    ) -> Result<Vec<NamedEvent>, StoreError> {
        let (kind, client) = (query.kind.map(EventKind::as_str), query.client.as_ref().map(ClientId::as_str));
        let (actor, address) = (query.client.as_ref().map(actor), query.address());
        let (user, session) = (query.user.map(|id| id.0), query.session.map(|id| id.0));
        let mut unit = self.store.db.begin_snapshot().await?;
        if let Handle::Postgres(on) = unit.handle() {
            sqlx::raw_sql(IN_ORDER).execute(on).await?;
        }
        let rows = sql!(
            unit, all NamedRow, query.statement(),
            query.since, at, writer, seq, query.with_anchors(), kind, client, actor.as_deref(), address.as_deref(),
            user, session, size,
        )?;
        let mut events: Vec<_> = rows.into_iter().map(NamedEvent::from).collect();
        // A join promises no order.
        events.sort_by_key(|named| Reverse(named.place()));
        Ok(events)
    }

    /// Where the chains end at this moment.
    pub async fn chain_ends(self) -> Result<ChainEnds, StoreError> {
        let rows = self.store.db.again(|| async { sql!(self.store.db.read().await?, all EndRow, ENDS) }).await?;
        Ok(ChainEnds(rows.into_iter().map(|row| (row.writer, row.seq)).collect()))
    }

    /// The events that were stored after those ends were read, the oldest first, and where the chains end behind them. Chains are
    /// read by their numbers, which have no gaps: an event that is stored late, or by a clock that is behind, isn't missed.
    pub async fn events_after(self, ends: &ChainEnds) -> Result<(Vec<NamedEvent>, ChainEnds), StoreError> {
        let (mut events, mut known) = (Vec::new(), ends.clone());
        for (writer, end) in self.chain_ends().await?.0 {
            let mut after = ends.0.get(&writer).copied().unwrap_or(i64::MIN);
            while after < end {
                let rows = sql!(self.store.db.read().await?, all NamedRow, BEHIND, writer, after, PAGE)?;
                let Some(last) = rows.last().map(|row| row.event.seq) else { break };
                after = last;
                events.extend(rows.into_iter().map(NamedEvent::from));
            }
            known.0.insert(writer, after.max(end));
        }
        events.sort_by_key(NamedEvent::place);
        Ok((events, known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditContext;

    #[test]
    fn an_event_is_meant_if_everything_of_a_query_holds() {
        let app: ClientId = "app".parse().unwrap();
        let (user, session) = (UserId(Uuid::from_u128(1)), SessionId(Uuid::from_u128(2)));
        let acting = AuditContext { actor: Actor::Stranger, at: 100, request_context: None };
        let event = acting.event(EventKind::SignedIn).user(user).client(&app).session(session);
        let event = AuditEvent { address: Some("10.1.2.3".to_owned()), ..event };
        let all = EventQuery::default();
        let network = |text: &str| EventQuery { network: Some(text.parse().unwrap()), ..EventQuery::default() };
        for (query, meant) in [
            (all.clone(), true),
            (EventQuery { since: 100, ..all.clone() }, true),
            (EventQuery { since: 101, ..all.clone() }, false),
            (EventQuery { user: Some(user), ..all.clone() }, true),
            (EventQuery { user: Some(UserId(session.0)), ..all.clone() }, false),
            (EventQuery { session: Some(session), ..all.clone() }, true),
            (EventQuery { session: Some(SessionId(user.0)), ..all.clone() }, false),
            (EventQuery { kind: Some(EventKind::SignedIn), ..all.clone() }, true),
            (EventQuery { kind: Some(EventKind::SignedOut), ..all.clone() }, false),
            (EventQuery { client: Some(app.clone()), ..all.clone() }, true),
            (EventQuery { client: "web".parse().ok(), ..all.clone() }, false),
            (network("10.1.2.3/32"), true),
            (network("10.0.0.0/8"), true),
            (network("10.1.2.4/32"), false),
            (network("fd00::/8"), false),
            (EventQuery { kind: Some(EventKind::SignedOut), client: Some(app.clone()), ..all.clone() }, false),
        ] {
            assert_eq!(query.matches(&event), meant, "{query:?}");
        }
        let caused = AuditContext { actor: Actor::Client(app.clone()), at: 100, request_context: None }
            .event(EventKind::Throttled);
        assert!(EventQuery { client: Some(app), ..all.clone() }.matches(&caused));
        assert!(!network("10.0.0.0/8").matches(&caused), "it has no address");
        let anchor = acting.event(EventKind::AuditAnchored);
        assert!(!all.matches(&anchor) && EventQuery { anchors: true, ..all.clone() }.matches(&anchor));
        assert!(EventQuery { kind: Some(EventKind::AuditAnchored), ..all }.matches(&anchor));
    }
}
