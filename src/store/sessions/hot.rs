//! The two statements that every refresh and every introspection runs, batched. Written twice where an engine has
//! something better than one statement an item: `unnest` on PostgreSQL, one transaction on SQLite's single writer.

use std::collections::HashSet;

use uuid::Uuid;

use super::row::LiveSessionRow;
use super::{SignedIn, session_columns};
use crate::domain::{Exchange, SecretHash, SessionId};
use crate::store::StoreError;
use crate::store::batch::Batcher;
use crate::store::db::{Connection, Db, Handle, sql};

/// How many batches of each kind may be in flight: one while the next one queues, and one more where the engine works on
/// two at once.
const POSTGRES_LANES: usize = 2;
const SQLITE_LANES: usize = 1;

/// Which session is read, and of which access token it is asked whether it was revoked.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionKey {
    pub(super) id: SessionId,
    pub(super) jti: Uuid,
}

type Found = Option<(SignedIn, bool)>;

/// The queues of the hot statements.
#[derive(Clone, Debug)]
pub(in crate::store) struct Hot {
    pub(super) reads: Batcher<SessionKey, Found>,
    pub(super) exchanges: Batcher<(SessionId, Exchange), bool>,
}

impl Hot {
    /// Starts the queues of a database. Needs a tokio runtime.
    pub(in crate::store) fn start(db: &Db) -> Self {
        let lanes = match db {
            Db::Postgres(_) => POSTGRES_LANES,
            Db::Sqlite { .. } => SQLITE_LANES,
        };
        let (reading, writing) = (db.clone(), db.clone());
        Self {
            reads: Batcher::start(lanes, move |keys| find_all(reading.clone(), keys)),
            exchanges: Batcher::start(lanes, move |exchanges| exchange_all(writing.clone(), exchanges)),
        }
    }
}

macro_rules! live_session_columns {
    () => {
        concat!(
            session_columns!(),
            ", u.username, u.email, u.claims, u.credentials_version, u.created_at AS user_created_at, \
             u.disabled_at AS user_disabled_at"
        )
    };
}

const FIND: &str = concat!(
    "SELECT ",
    live_session_columns!(),
    ", EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $2) AS token_revoked, $3 AS position \
     FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
);

const FIND_ALL_POSTGRES: &str = concat!(
    "SELECT ",
    live_session_columns!(),
    ", EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = k.jti) AS token_revoked, k.position \
     FROM unnest($1, $2) WITH ORDINALITY AS k (id, jti, position) \
     JOIN sessions s ON s.id = k.id JOIN users u ON u.id = s.user_id"
);

const EXCHANGE: &str = "UPDATE sessions SET parent_hash = $3, current_hash = $4, generation = $5, rotated_at = $6, \
     anchor_generation = $7, anchor_at = $8, last_used_at = $9, idle_expires_at = $10 \
     WHERE id = $1 AND current_hash = $2 AND revoked_at IS NULL AND idle_expires_at > $9 AND expires_at > $9";

const EXCHANGE_ALL_POSTGRES: &str = "UPDATE sessions s SET parent_hash = e.parent_hash, current_hash = e.current_hash, \
     generation = e.generation, rotated_at = e.rotated_at, anchor_generation = e.anchor_generation, \
     anchor_at = e.anchor_at, last_used_at = e.last_used_at, idle_expires_at = e.idle_expires_at \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS e (id, expected_current, parent_hash, current_hash, \
     generation, rotated_at, anchor_generation, anchor_at, last_used_at, idle_expires_at) \
     WHERE s.id = e.id AND s.current_hash = e.expected_current AND s.revoked_at IS NULL \
     AND s.idle_expires_at > e.last_used_at AND s.expires_at > e.last_used_at RETURNING s.id";

async fn find_all(db: Db, keys: Vec<SessionKey>) -> Result<Vec<Found>, StoreError> {
    let mut connection = db.read().await?;
    let mut rows: Vec<LiveSessionRow> = Vec::with_capacity(keys.len());
    match (&mut connection, keys.as_slice()) {
        (Connection::Postgres(connection), [_, _, ..]) => {
            let (ids, jtis): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|key| (key.id.0, key.jti)).unzip();
            let all = sqlx::query_as(FIND_ALL_POSTGRES).bind(ids).bind(jtis);
            rows.extend(all.fetch_all(&mut **connection).await?);
        }
        _ => {
            for (key, position) in keys.iter().zip(1_i64..) {
                rows.extend(sql!(connection, optional LiveSessionRow, FIND, key.id.0, key.jti, position)?);
            }
        }
    }
    let mut found: Vec<Found> = keys.iter().map(|_| None).collect();
    for row in rows {
        let place = usize::try_from(row.position - 1).ok().and_then(|index| found.get_mut(index));
        *place.ok_or(StoreError::Unreadable("position"))? = Some(row.signed_in()?);
    }
    Ok(found)
}

/// One exchange a session: of two that meet in a batch the second has lost, as it would have on its own.
async fn exchange_all(db: Db, exchanges: Vec<(SessionId, Exchange)>) -> Result<Vec<bool>, StoreError> {
    let mut seen = HashSet::with_capacity(exchanges.len());
    let first: Vec<bool> = exchanges.iter().map(|(id, _)| seen.insert(*id)).collect();
    let mut firsts: Vec<&(SessionId, Exchange)> =
        exchanges.iter().zip(&first).filter_map(|(exchange, first)| first.then_some(exchange)).collect();
    // Two batches that lock rows in the same order can't wait for each other in a circle.
    firsts.sort_unstable_by_key(|(id, _)| id.0);
    let stored = match (&db, firsts.as_slice()) {
        (Db::Postgres(_), [_, _, ..]) => exchange_many_postgres(&db, &firsts).await?,
        _ => exchange_each(&db, &firsts).await?,
    };
    Ok(exchanges.iter().zip(first).map(|((id, _), first)| first && stored.contains(id)).collect())
}

/// One transaction, and so one wait for the disk; for a single exchange none is needed.
async fn exchange_each(db: &Db, exchanges: &[&(SessionId, Exchange)]) -> Result<HashSet<SessionId>, StoreError> {
    let mut stored = HashSet::with_capacity(exchanges.len());
    if let [(id, exchange)] = exchanges {
        if exchange_one(db.write().await?.handle(), *id, exchange).await? {
            stored.insert(*id);
        }
        return Ok(stored);
    }
    let mut unit = db.begin().await?;
    for (id, exchange) in exchanges {
        if exchange_one(unit.handle(), *id, exchange).await? {
            stored.insert(*id);
        }
    }
    unit.commit().await?;
    Ok(stored)
}

async fn exchange_one(mut on: Handle<'_>, id: SessionId, exchange: &Exchange) -> Result<bool, StoreError> {
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

async fn exchange_many_postgres(
    db: &Db,
    exchanges: &[&(SessionId, Exchange)],
) -> Result<HashSet<SessionId>, StoreError> {
    let Connection::Postgres(mut connection) = db.write().await? else { return Ok(HashSet::new()) };
    let column = |of: fn(&Exchange) -> i64| exchanges.iter().map(|(_, exchange)| of(exchange)).collect::<Vec<i64>>();
    let hashes = |of: fn(&Exchange) -> &SecretHash| {
        exchanges.iter().map(|(_, exchange)| of(exchange).as_bytes()).collect::<Vec<_>>()
    };
    let anchors = || exchanges.iter().map(|(_, exchange)| exchange.anchor);
    let parents = exchanges.iter().map(|(_, exchange)| exchange.parent_hash.as_ref().map(SecretHash::as_bytes));
    let stored: Vec<(Uuid,)> = sqlx::query_as(EXCHANGE_ALL_POSTGRES)
        .bind(exchanges.iter().map(|(id, _)| id.0).collect::<Vec<_>>())
        .bind(hashes(|exchange| &exchange.expected_current))
        .bind(parents.collect::<Vec<_>>())
        .bind(hashes(|exchange| &exchange.current_hash))
        .bind(column(|exchange| exchange.generation))
        .bind(column(|exchange| exchange.rotated_at))
        .bind(anchors().map(|anchor| anchor.map(|anchor| anchor.generation)).collect::<Vec<_>>())
        .bind(anchors().map(|anchor| anchor.map(|anchor| anchor.at)).collect::<Vec<_>>())
        .bind(column(|exchange| exchange.last_used_at))
        .bind(column(|exchange| exchange.idle_expires_at))
        .fetch_all(&mut *connection)
        .await?;
    Ok(stored.into_iter().map(|(id,)| SessionId(id)).collect())
}
