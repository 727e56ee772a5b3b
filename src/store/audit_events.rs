//! The tables of the audit trail. An event is written in the transaction of the change that it tells of, at the end of a chain
//! that only this process writes; several transactions at once take several chains.

mod append;
mod purge;
mod read;
mod verify;

pub(super) use append::{Append, telling};
pub use read::AuditFilter;
pub use verify::{Finding, Verified};

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use uuid::Uuid;

use super::db::{Db, Unit, sql};
use super::{Store, StoreError};
use crate::audit::{Acting, AuditEvent, AuditKeys, Kind, Link, Seal, fold_in};
use crate::random;
use crate::store::batch::Statement;

/// How often to try when somebody else opened a chain at the same moment.
const OPENINGS: usize = 64;

const INSERT: &str = "INSERT INTO audit_events (writer, seq, at, kind, count, reason, actor, user_id, client_id, \
     session_id, jti, target, address, user_agent, request_id, seal) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

const OPEN: &str = "INSERT INTO audit_chains (writer, seq, seal, head_seal, start_seq, start_after, start_seal) \
     VALUES ($1, 0, $2, $3, 0, $2, $4)";

/// A chain that was deleted since, or that somebody else has written to, is not gone on with.
const MOVE_HEAD: &str = "UPDATE audit_chains SET seq = $3, seal = $4, head_seal = $5 \
     WHERE writer = $1 AND seq = $2";

const REGISTER: &str = "SELECT writers, seal FROM audit_register WHERE id = 1";

const SET_REGISTER: &str = "UPDATE audit_register SET writers = $2, seal = $3 WHERE id = 1 AND writers = $1";

#[derive(sqlx::FromRow)]
struct RegisterRow {
    writers: Vec<u8>,
    seal: Option<Vec<u8>>,
}

/// What the process needs to write the trail: set once, as soon as the master secrets are known.
#[derive(Clone, Debug, Default)]
pub(super) struct AuditLog(Arc<OnceLock<Writer>>);

#[derive(Debug)]
struct Writer {
    keys: AuditKeys,
    /// Chains of this process that nobody is writing to.
    free: Mutex<Vec<Link>>,
}

/// A chain that has got further in a transaction. It may be gone on with when that has been committed, and never otherwise: its
/// end isn't known then.
#[must_use]
pub(super) struct Written(Option<Link>);

impl Store {
    /// From here on changes are told to the trail, sealed with the first of these keys.
    pub fn keep_audit(&self, keys: AuditKeys) {
        let _ = self.audit.0.set(Writer { keys, free: Mutex::default() });
    }

    /// The same store for somebody who acts: what they change is told as theirs.
    #[must_use]
    pub fn by(&self, acting: Acting) -> Self {
        Self { acting: Some(Arc::new(acting)), ..self.clone() }
    }

    /// The event of something that is done in somebody's name; `None` where nobody acts.
    pub(super) fn event(&self, kind: Kind) -> Option<AuditEvent> {
        self.acting.as_ref().map(|acting| acting.event(kind))
    }

    /// Tells of something that changed nothing, or nothing that is in the database.
    pub async fn tell(&self, event: AuditEvent) -> Result<(), StoreError> {
        self.hot.events.ask(event).await
    }

    /// Commits a change together with the events that tell of it.
    pub(super) async fn commit(
        &self,
        unit: Unit,
        events: impl IntoIterator<Item = AuditEvent>,
    ) -> Result<(), StoreError> {
        self.audit.commit(unit, events).await
    }
}

impl AuditLog {
    /// As [`Store::commit`].
    pub(super) async fn commit(
        &self,
        mut unit: Unit,
        events: impl IntoIterator<Item = AuditEvent>,
    ) -> Result<(), StoreError> {
        let events: Vec<AuditEvent> = events.into_iter().collect();
        let written = self.write(&mut unit, &events).await?;
        unit.commit().await?;
        self.committed(written);
        Ok(())
    }

    async fn write(&self, unit: &mut Unit, events: &[AuditEvent]) -> Result<Written, StoreError> {
        let Some(writer) = self.0.get().filter(|_| !events.is_empty()) else { return Ok(Written(None)) };
        if let Some(link) = writer.take_free()
            && let Some(link) = writer.append(unit, link, events).await?
        {
            return Ok(Written(Some(link)));
        }
        let link = writer.open(unit).await?;
        let link = writer.append(unit, link, events).await?;
        link.map(|link| Written(Some(link))).ok_or(StoreError::Unreadable("audit_chains"))
    }

    fn committed(&self, Written(link): Written) {
        if let (Some(writer), Some(link)) = (self.0.get(), link) {
            writer.free(link);
        }
    }

    fn keys(&self) -> Option<&AuditKeys> {
        self.0.get().map(|writer| &writer.keys)
    }
}

impl Writer {
    fn take_free(&self) -> Option<Link> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn free(&self, link: Link) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(link);
    }

    /// Opens another chain, and enters it into the register.
    async fn open(&self, unit: &mut Unit) -> Result<Link, StoreError> {
        let link = Link::new(random::uuid());
        let (head, start) = (self.keys.head(link), self.keys.start(link));
        sql!(unit, execute, OPEN, link.writer, link.seal.as_slice(), head.as_slice(), start.as_slice())?;
        fold_into_register(unit, &self.keys, link.writer).await?;
        Ok(link)
    }

    /// A link for each of the events, after `from`.
    fn extend<'a>(&self, from: Link, events: impl Iterator<Item = &'a AuditEvent>) -> Vec<Link> {
        let next = |link: &mut Link, event| {
            *link = self.keys.extend(*link, event);
            Some(*link)
        };
        events.scan(from, next).collect()
    }

    /// Moves the head first, so that nothing is written behind a chain that isn't as it was left. `None` when it isn't.
    async fn append(&self, unit: &mut Unit, from: Link, events: &[AuditEvent]) -> Result<Option<Link>, StoreError> {
        let links = self.extend(from, events.iter());
        let Some(last) = links.last().copied() else { return Ok(Some(from)) };
        let head = self.keys.head(last);
        let (seal, head) = (last.seal.as_slice(), head.as_slice());
        if sql!(unit, execute, MOVE_HEAD, from.writer, from.seq, last.seq, seal, head)? == 0 {
            return Ok(None);
        }
        for (event, link) in events.iter().zip(&links) {
            insert(unit, event, *link).await?;
        }
        Ok(Some(last))
    }
}

/// Adds a chain to the register, or takes it out. Whoever is second waits for the first and then reads again. What somebody else
/// has altered isn't sealed: its old seal stays, for `verify` to find.
async fn fold_into_register(unit: &mut Unit, keys: &AuditKeys, writer: Uuid) -> Result<(), StoreError> {
    for _ in 0..OPENINGS {
        let row = sql!(unit, optional RegisterRow, REGISTER)?.ok_or(StoreError::Unreadable("audit_register"))?;
        let mut writers = seal_of(&row.writers)?;
        fold_in(&mut writers, writer);
        let seal = if is_sealed(keys, &row) { keys.register(&writers).to_vec() } else { altered(row.seal) };
        if sql!(unit, execute, SET_REGISTER, row.writers.as_slice(), writers.as_slice(), seal.as_slice())? == 1 {
            return Ok(());
        }
    }
    Err(StoreError::Overloaded)
}

/// Whether the register is as it was written. Before the first chain is opened nothing is sealed.
fn is_sealed(keys: &AuditKeys, row: &RegisterRow) -> bool {
    let Ok(writers) = seal_of(&row.writers) else { return false };
    row.seal.as_ref().map_or(writers == [0; 32], |seal| keys.is_register(&writers, seal))
}

fn altered(seal: Option<Vec<u8>>) -> Vec<u8> {
    tracing::error!("the register of the audit trail is not as it was written: run tokend audit verify");
    seal.unwrap_or_default()
}

async fn insert(unit: &mut Unit, event: &AuditEvent, link: Link) -> Result<(), StoreError> {
    sql!(
        unit,
        execute,
        INSERT,
        link.writer,
        link.seq,
        event.at,
        &*event.kind,
        event.count,
        event.reason.as_deref(),
        event.actor.as_str(),
        event.user_id.map(|id| id.0),
        event.client_id.as_deref(),
        event.session_id.map(|id| id.0),
        event.jti,
        event.target.as_deref(),
        event.address.as_deref(),
        event.user_agent.as_deref(),
        event.request_id.as_deref(),
        link.seal.as_slice(),
    )
    .map(drop)
}

fn seal_of(bytes: &[u8]) -> Result<Seal, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Unreadable("audit seal"))
}

/// A lane of events that come with no change.
pub(super) struct Events {
    db: Db,
    audit: AuditLog,
}

impl Events {
    pub(super) fn new(db: &Db, audit: &AuditLog) -> Self {
        Self { db: db.clone(), audit: audit.clone() }
    }
}

impl Statement for Events {
    type Item = AuditEvent;
    type Outcome = ();

    async fn run(&mut self, events: &[AuditEvent]) -> Result<Vec<()>, StoreError> {
        let unit = self.db.begin().await?;
        let told = self.audit.commit(unit, events.iter().cloned()).await;
        told.inspect_err(|error| self.db.condition().note_final(error))?;
        Ok(vec![(); events.len()])
    }
}
