//! Events that are stored by the statement whose change they record.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;
use uuid::Uuid;

use super::log::{AuditLog, last_time};
use super::memory::Tip;
use crate::audit::{AuditEvent, ChainEnd, Link, Seal};

/// Two parts of a `WITH`, for PostgreSQL, after one that is called `changed`: if that has $6 rows, the chain $1 goes on behind its
/// event $2 with as many. The rest of the statement goes by `head`, which has a row if it does, and none if it doesn't. What is
/// bound comes from [`Append::bind`].
macro_rules! recording {
    () => {
        "head AS (UPDATE audit_chains SET seq = $3, seal = $4, head_seal = $5 \
         WHERE writer = $1 AND seq = $2 AND (SELECT count(*) FROM changed) = $6 RETURNING writer), \
         recorded AS (INSERT INTO audit_events (writer, seq, at, kind, count, reason, actor, user_id, client_id, session_id, jti, \
         target, address, user_agent, request_id, seal) SELECT head.writer, e.* FROM head, \
         unnest($7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) AS e)"
    };
}
pub(in crate::store) use recording;

type Query<'q> = QueryScalar<'q, Postgres, Uuid, PgArguments>;

/// Events to add to a chain that nobody else is writing to. [`AuditLog::appended`] must be told the outcome.
#[must_use]
pub(in crate::store) struct Append<'a> {
    events: Vec<&'a AuditEvent>,
    from: Tip,
    links: Vec<Link>,
    last: ChainEnd,
    head: Seal,
}

impl AuditLog {
    /// These events, if there are any, at the end of a chain that is there already and free.
    pub(in crate::store) fn append<'a>(&self, events: Vec<&'a AuditEvent>) -> Option<Append<'a>> {
        let writer = self.writer()?;
        let at = last_time(events.iter().copied())?;
        let from = writer.memory.take()?;
        let links = writer.extend(from.end.link, events.iter().copied());
        let last = ChainEnd { link: *links.last()?, at };
        Some(Append { events, from, links, last, head: writer.keys.head(last.link) })
    }

    /// Takes the chain back after an answer: either all events were stored or none. Without an answer the chain's end
    /// is unknown, and it isn't used again.
    pub(in crate::store) fn appended(&self, append: &Append<'_>, stored: bool) {
        if let Some(writer) = self.writer() {
            writer.memory.free(if stored { append.from.at(append.last) } else { append.from });
        }
    }
}

impl Append<'_> {
    /// Binds what [`recording`] needs: $1 to $21.
    pub(in crate::store) fn bind<'q>(&self, query: Query<'q>) -> Query<'q> {
        let numbers = |of: fn(&AuditEvent) -> i64| self.events.iter().map(|event| of(event)).collect::<Vec<_>>();
        let texts = |of: fn(&AuditEvent) -> Option<&str>| {
            self.events.iter().map(|event| of(event).map(str::to_owned)).collect::<Vec<_>>()
        };
        let ids = |of: fn(&AuditEvent) -> Option<Uuid>| self.events.iter().map(|event| of(event)).collect::<Vec<_>>();
        query
            .bind(self.from.end.link.writer)
            .bind(self.from.end.link.seq)
            .bind(self.last.link.seq)
            .bind(self.last.link.seal.to_vec())
            .bind(self.head.to_vec())
            .bind(i64::try_from(self.events.len()).unwrap_or(i64::MAX))
            .bind(self.links.iter().map(|link| link.seq).collect::<Vec<_>>())
            .bind(numbers(|event| event.at))
            .bind(texts(|event| Some(&*event.kind)))
            .bind(numbers(|event| event.count))
            .bind(texts(|event| event.reason.as_deref()))
            .bind(texts(|event| Some(event.actor.as_str())))
            .bind(ids(|event| event.user_id.map(|id| id.0)))
            .bind(texts(|event| event.client_id.as_deref()))
            .bind(ids(|event| event.session_id.map(|id| id.0)))
            .bind(ids(|event| event.jti))
            .bind(texts(|event| event.target.as_deref()))
            .bind(texts(|event| event.address.as_deref()))
            .bind(texts(|event| event.user_agent.as_deref()))
            .bind(texts(|event| event.request_id.as_deref()))
            .bind(self.links.iter().map(|link| link.seal.to_vec()).collect::<Vec<_>>())
    }
}
