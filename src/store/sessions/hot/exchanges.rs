//! The compare-and-swap of a refresh, many sessions at a time.

use std::collections::HashSet;

use uuid::Uuid;

use crate::audit::AuditEvent;
use crate::domain::{Exchange, SecretHash, SessionId};
use crate::store::StoreError;
use crate::store::audit_events::AuditLog;
use crate::store::batch::Statement;
use crate::store::db::{Connection, Db, Handle, sql};
use crate::store::kept::Kept;
use crate::store::values::Values;

type One<'a> = &'a (SessionId, Exchange);

const EXCHANGE: &str = "UPDATE sessions SET parent_hash = $3, current_hash = $4, generation = $5, rotated_at = $6, \
     anchor_generation = $7, anchor_at = $8, last_used_at = $9, idle_expires_at = $10 \
     WHERE id = $1 AND current_hash = $2 AND revoked_at IS NULL AND idle_expires_at > $9 AND expires_at > $9";

const EXCHANGE_ALL_POSTGRES: &str = "UPDATE sessions s SET parent_hash = e.parent_hash, \
     current_hash = e.current_hash, generation = e.generation, rotated_at = e.rotated_at, \
     anchor_generation = e.anchor_generation, anchor_at = e.anchor_at, last_used_at = e.last_used_at, \
     idle_expires_at = e.idle_expires_at \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS e (id, expected_current, parent_hash, current_hash, \
     generation, rotated_at, anchor_generation, anchor_at, last_used_at, idle_expires_at) \
     WHERE s.id = e.id AND s.current_hash = e.expected_current AND s.revoked_at IS NULL \
     AND s.idle_expires_at > e.last_used_at AND s.expires_at > e.last_used_at RETURNING s.id";

/// What has a `+` can't be looked up by, so SQLite has to begin with the items, whatever it believes of the tables' sizes.
pub(super) static EXCHANGE_ALL_SQLITE: Values = Values::new(
    "UPDATE sessions AS s SET parent_hash = e.column3, current_hash = e.column4, generation = e.column5, \
     rotated_at = e.column6, anchor_generation = e.column7, anchor_at = e.column8, last_used_at = e.column9, \
     idle_expires_at = e.column10 FROM (",
    10,
    ") AS e WHERE s.id = +e.column1 AND s.current_hash = +e.column2 AND s.revoked_at IS NULL \
     AND s.idle_expires_at > +e.column9 AND s.expires_at > +e.column9 RETURNING id",
);

/// A lane of exchanges.
pub(super) struct Exchanges(Kept);

impl Exchanges {
    pub(super) fn new(db: &Db) -> Self {
        Self(Kept::new(db))
    }
}

/// One exchange a session: of two that meet in a batch the second has lost, as it would have on its own.
impl Statement for Exchanges {
    type Item = (SessionId, Exchange);
    type Outcome = bool;

    async fn run(&mut self, exchanges: &[(SessionId, Exchange)]) -> Result<Vec<bool>, StoreError> {
        let mut seen = HashSet::with_capacity(exchanges.len());
        let first: Vec<bool> = exchanges.iter().map(|(id, _)| seen.insert(*id)).collect();
        let mut firsts: Vec<One<'_>> =
            exchanges.iter().zip(&first).filter_map(|(exchange, first)| first.then_some(exchange)).collect();
        // Two batches that lock rows in the same order can't wait for each other in a circle.
        firsts.sort_unstable_by_key(|(id, _)| id.0);
        let stored: HashSet<Uuid> =
            self.0.write(async |on| store(on, &firsts).await).await?.into_iter().map(|(id,)| id).collect();
        Ok(exchanges.iter().zip(first).map(|((id, _), first)| first && stored.contains(&id.0)).collect())
    }
}

/// One exchange with the event that tells of it. Whether it was stored.
pub(in crate::store::sessions) async fn exchange_one(
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

async fn store(connection: &mut Connection, exchanges: &[One<'_>]) -> Result<Vec<(Uuid,)>, StoreError> {
    Ok(match (connection.handle(), exchanges) {
        (on, [(id, exchange)]) => {
            let stored = store_one(on, *id, exchange).await?;
            stored.then_some((id.0,)).into_iter().collect()
        }
        (Handle::Postgres(on), exchanges) => arrays(exchanges).fetch_all(on).await?,
        (Handle::Sqlite(on), exchanges) => rows(exchanges).fetch_all(on).await?,
    })
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

type Query<'q, D> = sqlx::query::QueryAs<'q, D, (Uuid,), <D as sqlx::Database>::Arguments>;

/// A column of PostgreSQL's statement is an array.
fn arrays<'q>(exchanges: &[One<'_>]) -> Query<'q, sqlx::Postgres> {
    let numbers = |of: fn(&Exchange) -> i64| exchanges.iter().map(|(_, exchange)| of(exchange)).collect::<Vec<i64>>();
    let hashes = |of: fn(&Exchange) -> Option<&SecretHash>| {
        exchanges.iter().map(|(_, exchange)| of(exchange).map(|hash| hash.as_bytes().to_vec())).collect::<Vec<_>>()
    };
    let anchors = || exchanges.iter().map(|(_, exchange)| exchange.anchor);
    sqlx::query_as(EXCHANGE_ALL_POSTGRES)
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
    exchanges.iter().fold(sqlx::query_as(EXCHANGE_ALL_SQLITE.of(exchanges.len())), |query, (id, exchange)| {
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
