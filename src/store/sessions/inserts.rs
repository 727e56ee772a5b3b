//! New sessions, many at a time. A session is stored only if what its sign-in was decided on is unchanged.

use std::collections::HashSet;

use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;
use sqlx::{PgConnection, Postgres, SqliteConnection};
use uuid::Uuid;

use crate::audit::AuditEvent;
use crate::domain::{Device, Session};
use crate::store::audit_events::append::{Append, recording};
use crate::store::audit_events::log::AuditLog;
use crate::store::column;
use crate::store::engine::{Connection, Db, Handle, PinnedConnection, Pools, Statement, StoreError, sql};

/// What a sign-in was decided on. If any of it has changed by the time the session is stored, it isn't stored.
#[derive(Clone, Copy, Debug)]
pub struct DecidedOn {
    /// [`credentials_version`](crate::domain::User::credentials_version).
    pub credentials_version: i64,
    /// [`crate::domain::Client::version`].
    pub client_version: i64,
}

/// A session, what it was decided on, and what tells of it.
#[derive(Clone)]
pub(in crate::store) struct Insert {
    pub(in crate::store) session: Session,
    pub(in crate::store) decided_on: DecidedOn,
    pub(in crate::store) event: AuditEvent,
}

macro_rules! columns {
    () => {
        "id, user_id, client_id, scope, audience, generation, current_hash, rotated_at, created_at, auth_time, \
         last_used_at, idle_expires_at, expires_at, device_name, user_agent, ip, grant_type, amr"
    };
}

macro_rules! insert_if_unchanged {
    () => {
        concat!(
            "INSERT INTO sessions (",
            columns!(),
            ") SELECT $1, u.id, c.id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18 \
             FROM users u, clients c WHERE u.id = $2 AND u.disabled_at IS NULL AND u.credentials_version = $19 \
             AND c.id = $3 AND c.disabled_at IS NULL AND c.version = $20"
        )
    };
}

/// SQLite has one writer, so what the statement reads can't change before it commits.
const INSERT_SQLITE: &str = insert_if_unchanged!();

/// The locks make a concurrent change of the user or client wait, see the new session, and end it.
const INSERT_POSTGRES: &str = concat!(insert_if_unchanged!(), " FOR SHARE OF u, c");

/// Sessions whose user or client is locked by a change are left out instead of waited for.
const INSERT_ALL_POSTGRES: &str = concat!(
    "INSERT INTO sessions (",
    columns!(),
    ") SELECT i.id, u.id, c.id, i.scope, i.audience, i.generation, i.current_hash, i.rotated_at, i.created_at, \
     i.auth_time, i.last_used_at, i.idle_expires_at, i.expires_at, i.device_name, i.user_agent, i.ip, i.grant_type, i.amr \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) AS i (",
    columns!(),
    ", credentials_version, client_version) \
     JOIN users u ON u.id = i.user_id AND u.disabled_at IS NULL AND u.credentials_version = i.credentials_version \
     JOIN clients c ON c.id = i.client_id AND c.disabled_at IS NULL AND c.version = i.client_version \
     FOR SHARE OF u, c SKIP LOCKED RETURNING id"
);

/// Stores all sessions with their events, or none: each event is sealed with the one before it, so none can be left
/// out. The locks hold until it commits.
const INSERT_AND_RECORD_POSTGRES: &str = concat!(
    "WITH changed AS (SELECT i.* FROM unnest($22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, \
     $38, $39, $40, $41) AS i (",
    columns!(),
    ", credentials_version, client_version) \
     JOIN users u ON u.id = i.user_id AND u.disabled_at IS NULL AND u.credentials_version = i.credentials_version \
     JOIN clients c ON c.id = i.client_id AND c.disabled_at IS NULL AND c.version = i.client_version \
     FOR SHARE OF u, c SKIP LOCKED), ",
    recording!(),
    " INSERT INTO sessions (",
    columns!(),
    ") SELECT ",
    columns!(),
    " FROM changed, head RETURNING id"
);

pub(in crate::store) struct Inserts {
    db: Db,
    audit: AuditLog,
    kept: PinnedConnection,
}

impl Inserts {
    pub(in crate::store) fn new(db: &Db, audit: &AuditLog) -> Self {
        Self { db: db.clone(), audit: audit.clone(), kept: PinnedConnection::new(db) }
    }

    /// Stores all of them by one statement. False when that can't be done: nothing is stored then.
    async fn all_at_once(&mut self, inserts: &[Insert]) -> Result<bool, StoreError> {
        let Pools::Postgres(_) = self.db.pools else { return Ok(false) };
        let events = inserts.iter().map(|insert| &insert.event).collect();
        let Some(append) = self.audit.append(events) else { return Ok(false) };
        let stored = self.kept.write(async |on| insert_and_record(on, inserts, &append).await).await? == inserts.len();
        self.audit.appended(&append, stored);
        Ok(stored)
    }
}

/// A session that wasn't stored may only have met a lock: [`insert_one`] waits for it.
impl Statement for Inserts {
    type Item = Insert;
    type Outcome = bool;

    /// One transaction, and so one wait for the disk, with the events of those that were stored.
    async fn run(&mut self, inserts: &[Insert]) -> Result<Vec<bool>, StoreError> {
        if self.all_at_once(inserts).await? {
            return Ok(vec![true; inserts.len()]);
        }
        let stored = self.in_unit(inserts).await;
        stored.inspect_err(|error| self.db.condition.note_asked(error))
    }
}

impl Inserts {
    async fn in_unit(&self, inserts: &[Insert]) -> Result<Vec<bool>, StoreError> {
        let mut unit = self.db.begin().await?;
        let stored = match (unit.handle(), inserts) {
            (Handle::Postgres(on), inserts) => insert_arrays(on, inserts).await?,
            (Handle::Sqlite(on), inserts) => insert_each(on, inserts).await?,
        };
        let is_stored = |insert: &&Insert| stored.contains(&insert.session.id.0);
        let events = inserts.iter().filter(is_stored).map(|insert| insert.event.clone());
        self.audit.commit(unit, events).await?;
        Ok(inserts.iter().map(|insert| is_stored(&insert)).collect())
    }
}

/// Whether the session was stored. Waits for whoever is changing its user or client.
pub(in crate::store) async fn insert_one(db: &Db, audit: &AuditLog, insert: &Insert) -> Result<bool, StoreError> {
    let mut unit = db.begin().await?;
    if !insert_on(unit.handle(), insert).await? {
        return Ok(false);
    }
    audit.commit(unit, [insert.event.clone()]).await?;
    Ok(true)
}

async fn insert_each(on: &mut SqliteConnection, inserts: &[Insert]) -> Result<HashSet<Uuid>, StoreError> {
    let mut stored = HashSet::with_capacity(inserts.len());
    for insert in inserts {
        if insert_on(Handle::Sqlite(on), insert).await? {
            stored.insert(insert.session.id.0);
        }
    }
    Ok(stored)
}

async fn insert_on(mut on: Handle<'_>, Insert { session, decided_on, .. }: &Insert) -> Result<bool, StoreError> {
    let insert = match on {
        Handle::Postgres(_) => INSERT_POSTGRES,
        Handle::Sqlite(_) => INSERT_SQLITE,
    };
    let rows = sql!(
        on,
        execute,
        insert,
        session.id.0,
        session.user_id.0,
        session.client_id.as_str(),
        session.scope.to_string(),
        column::joined(&session.audience),
        session.generation,
        session.current_hash.as_bytes(),
        session.rotated_at,
        session.created_at,
        session.auth_time,
        session.last_used_at,
        session.idle_expires_at,
        session.expires_at,
        session.device.name.as_deref(),
        session.device.user_agent.as_deref(),
        session.device.ip.as_deref(),
        session.grant_type.as_str(),
        column::joined(&session.amr),
        decided_on.credentials_version,
        decided_on.client_version,
    )?;
    Ok(rows == 1)
}

async fn insert_arrays(on: &mut PgConnection, inserts: &[Insert]) -> Result<HashSet<Uuid>, StoreError> {
    let stored = arrays(sqlx::query_scalar(INSERT_ALL_POSTGRES), inserts).fetch_all(on).await?;
    Ok(stored.into_iter().collect())
}

/// How many were stored.
async fn insert_and_record(on: &mut Connection, inserts: &[Insert], append: &Append<'_>) -> Result<usize, StoreError> {
    let Handle::Postgres(on) = on.handle() else { return Ok(0) };
    let stored = arrays(append.bind(sqlx::query_scalar(INSERT_AND_RECORD_POSTGRES)), inserts).fetch_all(on).await?;
    Ok(stored.len())
}

type Query<'q> = QueryScalar<'q, Postgres, Uuid, PgArguments>;

fn arrays<'q>(query: Query<'q>, inserts: &[Insert]) -> Query<'q> {
    let numbers = |of: fn(&Session) -> i64| inserts.iter().map(|insert| of(&insert.session)).collect::<Vec<_>>();
    let texts = |of: fn(&Session) -> String| inserts.iter().map(|insert| of(&insert.session)).collect::<Vec<_>>();
    let device = |of: fn(&Device) -> &Option<String>| {
        inserts.iter().map(|insert| of(&insert.session.device).clone()).collect::<Vec<_>>()
    };
    let versions = |of: fn(&DecidedOn) -> i64| inserts.iter().map(|insert| of(&insert.decided_on)).collect::<Vec<_>>();
    query
        .bind(inserts.iter().map(|insert| insert.session.id.0).collect::<Vec<_>>())
        .bind(inserts.iter().map(|insert| insert.session.user_id.0).collect::<Vec<_>>())
        .bind(texts(|session| session.client_id.to_string()))
        .bind(texts(|session| session.scope.to_string()))
        .bind(texts(|session| column::joined(&session.audience)))
        .bind(numbers(|session| session.generation))
        .bind(inserts.iter().map(|insert| insert.session.current_hash.as_bytes().to_vec()).collect::<Vec<_>>())
        .bind(numbers(|session| session.rotated_at))
        .bind(numbers(|session| session.created_at))
        .bind(numbers(|session| session.auth_time))
        .bind(numbers(|session| session.last_used_at))
        .bind(numbers(|session| session.idle_expires_at))
        .bind(numbers(|session| session.expires_at))
        .bind(device(|device| &device.name))
        .bind(device(|device| &device.user_agent))
        .bind(device(|device| &device.ip))
        .bind(texts(|session| session.grant_type.clone()))
        .bind(texts(|session| column::joined(&session.amr)))
        .bind(versions(|on| on.credentials_version))
        .bind(versions(|on| on.client_version))
}
