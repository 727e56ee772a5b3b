//! The compare-and-swap of a refresh, many sessions at a time.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::AuditEvent;
use crate::domain::{Exchange, SecretHash, SessionId};
use crate::store::audit_events::log::AuditLog;
use crate::store::engine::{Connection, Db, Handle, PinnedConnection, Statement, StoreError, Values, sql};

type One<'a> = &'a (SessionId, Exchange);

const EXCHANGE: &str = "UPDATE sessions SET parent_hash = $3, current_hash = $4, generation = $5, rotated_at = $6, \
     anchor_generation = $7, anchor_at = $8, last_used_at = $9, idle_expires_at = $10 \
     WHERE id = $1 AND current_hash = $2 AND revoked_at IS NULL AND idle_expires_at > $9 AND expires_at > $9";

/// Stores the exchanges `e` that `$from` gives.
macro_rules! exchange_postgres {
    ($from:literal) => {
        concat!(
            "UPDATE sessions s SET parent_hash = e.parent_hash, current_hash = e.current_hash, \
             generation = e.generation, rotated_at = e.rotated_at, anchor_generation = e.anchor_generation, \
             anchor_at = e.anchor_at, last_used_at = e.last_used_at, idle_expires_at = e.idle_expires_at FROM ",
            $from,
            " WHERE s.id = e.id AND s.current_hash = e.expected_current AND s.revoked_at IS NULL \
             AND s.idle_expires_at > e.last_used_at AND s.expires_at > e.last_used_at RETURNING s.id"
        )
    };
}

const EXCHANGE_ALL_POSTGRES: &str = exchange_postgres!(
    "unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS e (id, expected_current, parent_hash, current_hash, \
     generation, rotated_at, anchor_generation, anchor_at, last_used_at, idle_expires_at)"
);

/// As [`EXCHANGE_ALL_POSTGRES`], without the sessions that somebody holds.
const EXCHANGE_FREE_POSTGRES: &str = exchange_postgres!(
    "(SELECT i.* FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS i (id, expected_current, parent_hash, \
     current_hash, generation, rotated_at, anchor_generation, anchor_at, last_used_at, idle_expires_at) \
     JOIN sessions t ON t.id = i.id FOR NO KEY UPDATE OF t SKIP LOCKED) AS e"
);

/// The sessions that are still as they were judged: they were left out only because they were locked.
const HELD_POSTGRES: &str = "SELECT s.id FROM unnest($1, $2) AS k (id, expected_current) \
     JOIN sessions s ON s.id = k.id AND s.current_hash = k.expected_current WHERE s.revoked_at IS NULL";

/// SQLite uses no index for a column with a `+`, so it must begin with the items, whatever its statistics say.
pub(in crate::store) static EXCHANGE_ALL_SQLITE: Values = Values::new(
    "UPDATE sessions AS s SET parent_hash = e.column3, current_hash = e.column4, generation = e.column5, \
     rotated_at = e.column6, anchor_generation = e.column7, anchor_at = e.column8, last_used_at = e.column9, \
     idle_expires_at = e.column10 FROM (",
    10,
    ") AS e WHERE s.id = +e.column1 AND s.current_hash = +e.column2 AND s.revoked_at IS NULL \
     AND s.idle_expires_at > +e.column9 AND s.expires_at > +e.column9 RETURNING id",
);

/// What became of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Exchanged {
    /// It was stored.
    Stored,
    /// The session isn't as it was judged.
    Overtaken,
    /// Somebody held the session for too long.
    Held,
}

/// The outcome of each exchange. One that is missing was overtaken.
type Done = HashMap<Uuid, Exchanged>;

pub(in crate::store) struct Exchanges(PinnedConnection);

impl Exchanges {
    pub(in crate::store) fn new(db: &Db) -> Self {
        Self(PinnedConnection::new(db))
    }
}

/// One exchange a session: of two in a batch the second loses, as it would in a statement of its own.
impl Statement for Exchanges {
    type Item = (SessionId, Exchange);
    type Outcome = Exchanged;

    async fn run(&mut self, exchanges: &[(SessionId, Exchange)]) -> Result<Vec<Exchanged>, StoreError> {
        let mut seen = HashSet::with_capacity(exchanges.len());
        let mut firsts: Vec<One<'_>> = exchanges.iter().filter(|(id, _)| seen.insert(*id)).collect();
        // Two batches that lock rows in the same order can't deadlock.
        firsts.sort_unstable_by_key(|(id, _)| id.0);
        let mut done = self.0.write(async |on| store(on, &firsts).await).await?;
        Ok(exchanges.iter().map(|(id, _)| done.remove(&id.0).unwrap_or(Exchanged::Overtaken)).collect())
    }
}

/// One exchange with the event that tells of it. Whether it was stored.
pub(in crate::store) async fn exchange_one(
    db: &Db,
    audit: &AuditLog,
    (id, exchange): One<'_>,
    event: AuditEvent,
) -> Result<bool, StoreError> {
    let mut unit = db.begin().await?;
    if !store_one(unit.handle(), *id, exchange).await? {
        return Ok(false);
    }
    audit.commit(unit, [event]).await?;
    Ok(true)
}

async fn store(connection: &mut Connection, exchanges: &[One<'_>]) -> Result<Done, StoreError> {
    let stored: Vec<Uuid> = match (connection.handle(), exchanges) {
        (on, [(id, exchange)]) => store_one(on, *id, exchange).await?.then_some(id.0).into_iter().collect(),
        (Handle::Postgres(on), exchanges) => {
            let stored = arrays(EXCHANGE_ALL_POSTGRES, exchanges).fetch_all(&mut *on).await;
            match stored.map_err(StoreError::from) {
                Err(error) if error.is_lock_timeout() => return store_free(on, exchanges).await,
                stored => stored?,
            }
        }
        (Handle::Sqlite(on), exchanges) => rows(exchanges).fetch_all(on).await?,
    };
    Ok(stored.into_iter().map(|id| (id, Exchanged::Stored)).collect())
}

/// Stores the exchanges of sessions that nobody holds. The others have waited for their locks already.
async fn store_free(on: &mut PgConnection, exchanges: &[One<'_>]) -> Result<Done, StoreError> {
    let stored = arrays(EXCHANGE_FREE_POSTGRES, exchanges).fetch_all(&mut *on).await?;
    let mut done: Done = stored.into_iter().map(|id| (id, Exchanged::Stored)).collect();
    let left: Vec<One<'_>> = exchanges.iter().copied().filter(|(id, _)| !done.contains_key(&id.0)).collect();
    let held: Vec<Uuid> = sqlx::query_scalar(HELD_POSTGRES)
        .bind(left.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind(left.iter().map(|(_, exchange)| exchange.expected_current.as_bytes().to_vec()).collect::<Vec<_>>())
        .fetch_all(on)
        .await?;
    done.extend(held.into_iter().map(|id| (id, Exchanged::Held)));
    Ok(done)
}

async fn store_one(mut on: Handle<'_>, id: SessionId, exchange: &Exchange) -> Result<bool, StoreError> {
    let rows = sql!(
        on,
        execute,
        EXCHANGE,
        id.0,
        exchange.expected_current.as_bytes(),
        exchange.parent_hash.as_ref().map(SecretHash::as_bytes),
        exchange.current_hash.as_bytes(),
        exchange.generation,
        exchange.rotated_at,
        exchange.anchor.map(|anchor| anchor.generation),
        exchange.anchor.map(|anchor| anchor.at),
        exchange.last_used_at,
        exchange.idle_expires_at,
    )?;
    Ok(rows == 1)
}

type Query<'q, D> = sqlx::query::QueryScalar<'q, D, Uuid, <D as sqlx::Database>::Arguments>;

/// A column of PostgreSQL's statement is an array.
fn arrays<'q>(statement: &'static str, exchanges: &[One<'_>]) -> Query<'q, sqlx::Postgres> {
    let numbers = |of: fn(&Exchange) -> i64| exchanges.iter().map(|(_, exchange)| of(exchange)).collect::<Vec<i64>>();
    let hashes = |of: fn(&Exchange) -> Option<&SecretHash>| {
        exchanges.iter().map(|(_, exchange)| of(exchange).map(|hash| hash.as_bytes().to_vec())).collect::<Vec<_>>()
    };
    let anchors = || exchanges.iter().map(|(_, exchange)| exchange.anchor);
    sqlx::query_scalar(statement)
        .bind(exchanges.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind(hashes(|exchange| Some(&exchange.expected_current)))
        .bind(hashes(|exchange| exchange.parent_hash.as_ref()))
        .bind(hashes(|exchange| Some(&exchange.current_hash)))
        .bind(numbers(|exchange| exchange.generation))
        .bind(numbers(|exchange| exchange.rotated_at))
        .bind(anchors().map(|anchor| anchor.map(|anchor| anchor.generation)).collect::<Vec<_>>())
        .bind(anchors().map(|anchor| anchor.map(|anchor| anchor.at)).collect::<Vec<_>>())
        .bind(numbers(|exchange| exchange.last_used_at))
        .bind(numbers(|exchange| exchange.idle_expires_at))
}

/// A row of SQLite's statement is an exchange.
fn rows<'q>(exchanges: &'q [One<'q>]) -> Query<'q, sqlx::Sqlite> {
    exchanges.iter().fold(sqlx::query_scalar(EXCHANGE_ALL_SQLITE.of(exchanges.len())), |query, (id, exchange)| {
        query
            .bind(id.0)
            .bind(exchange.expected_current.as_bytes())
            .bind(exchange.parent_hash.as_ref().map(SecretHash::as_bytes))
            .bind(exchange.current_hash.as_bytes())
            .bind(exchange.generation)
            .bind(exchange.rotated_at)
            .bind(exchange.anchor.map(|anchor| anchor.generation))
            .bind(exchange.anchor.map(|anchor| anchor.at))
            .bind(exchange.last_used_at)
            .bind(exchange.idle_expires_at)
    })
}
