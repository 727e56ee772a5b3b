//! Its two statements, each for a whole batch.

use std::collections::{HashMap, HashSet};

use sqlx::types::Uuid;
use tokend::clock::Clock;
use tokio_postgres::{Client, NoTls};

use super::lane::Statement;
use crate::failure::Failure;

/// As the server's connections: a plan is made once.
const SETTINGS: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off";

const ROTATE: &str = "UPDATE sessions AS s SET hash = r.next, generation = s.generation + 1, rotated_at = $4, \
     idle_expires_at = $4 + 2592000 FROM unnest($1::UUID[], $2::BYTEA[], $3::BYTEA[]) AS r (id, current, next) \
     WHERE s.id = r.id AND s.hash = r.current AND s.ended_at IS NULL AND s.idle_expires_at > $4 AND s.expires_at > $4 \
     RETURNING s.id";

const READ: &str = "SELECT s.id, s.generation FROM unnest($1::UUID[]) AS r (id) JOIN sessions AS s ON s.id = r.id \
     WHERE s.ended_at IS NULL AND s.idle_expires_at > $2 AND s.expires_at > $2";

/// A refresh token's hash takes the place of another's.
pub struct Rotation {
    pub session: Uuid,
    pub current: Vec<u8>,
    pub next: Vec<u8>,
}

/// Exchanges refresh tokens: whether each was exchanged.
pub struct Rotate(Prepared);

/// Reads sessions: the generation of each that lives.
pub struct Read(Prepared);

struct Prepared {
    client: Client,
    statement: tokio_postgres::Statement,
}

impl Prepared {
    async fn connect(url: &str, statement: &str) -> Result<Self, Failure> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(SETTINGS).await?;
        let statement = client.prepare(statement).await?;
        Ok(Self { client, statement })
    }
}

impl Rotate {
    pub async fn connect(url: &str) -> Result<Self, Failure> {
        Ok(Self(Prepared::connect(url, ROTATE).await?))
    }
}

impl Read {
    pub async fn connect(url: &str) -> Result<Self, Failure> {
        Ok(Self(Prepared::connect(url, READ).await?))
    }
}

impl Statement for Rotate {
    type Item = Rotation;
    type Answer = bool;

    async fn run(&self, items: Vec<Rotation>) -> Result<Vec<bool>, Failure> {
        let now = Clock::System.now();
        let ids: Vec<Uuid> = items.iter().map(|item| item.session).collect();
        let current: Vec<&[u8]> = items.iter().map(|item| item.current.as_slice()).collect();
        let next: Vec<&[u8]> = items.iter().map(|item| item.next.as_slice()).collect();
        let rows = self.0.client.query(&self.0.statement, &[&ids, &current, &next, &now]).await?;
        let done = rows.iter().map(|row| row.try_get(0)).collect::<Result<HashSet<Uuid>, _>>()?;
        Ok(ids.iter().map(|id| done.contains(id)).collect())
    }
}

impl Statement for Read {
    type Item = Uuid;
    type Answer = Option<i64>;

    async fn run(&self, ids: Vec<Uuid>) -> Result<Vec<Option<i64>>, Failure> {
        let now = Clock::System.now();
        let rows = self.0.client.query(&self.0.statement, &[&ids, &now]).await?;
        let read = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let living = read.collect::<Result<HashMap<Uuid, i64>, tokio_postgres::Error>>()?;
        Ok(ids.iter().map(|id| living.get(id).copied()).collect())
    }
}
