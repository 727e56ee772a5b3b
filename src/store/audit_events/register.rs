//! The register says which chains there are. It is sealed from the beginning on: without a seal it isn't as it was written.

use uuid::Uuid;

use super::row::seal_of;
use crate::audit::{AuditKeys, COMMANDS, Link, Seal, fold_in};
use crate::store::engine::{Handle, StoreError, from_row, sql};

/// How often to try when somebody else opened a chain at the same moment.
const OPENINGS: usize = 64;

const OPEN: &str = "INSERT INTO audit_chains (writer, seq, seal, head_seal, start_seq, start_after, start_seal) \
     VALUES ($1, 0, $2, $3, 0, $2, $4)";

pub(super) const REGISTER: &str = "SELECT writers, seal FROM audit_register WHERE id = 1";

const SET_REGISTER: &str = "UPDATE audit_register SET writers = $2, seal = $3 WHERE id = 1 AND writers = $1";

const SEAL_FIRST: &str = "UPDATE audit_register SET seal = $1 WHERE id = 1 AND seal IS NULL";

const LOCK: &str = "UPDATE audit_register SET id = id WHERE id = 1";

const SEAL_AGAIN: &str = "UPDATE audit_register SET writers = $1, seal = $2 WHERE id = 1";

pub(super) const WRITERS: &str = "SELECT writer FROM audit_chains";

const IS_USED: &str = "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM clients) \
     OR EXISTS (SELECT 1 FROM sessions) OR EXISTS (SELECT 1 FROM signing_keys) OR EXISTS (SELECT 1 FROM audit_chains) \
     OR EXISTS (SELECT 1 FROM audit_events) THEN 1 ELSE 0 END AS BIGINT)";

from_row! {
    pub(super) struct RegisterRow {
        pub(super) writers: Vec<u8>,
        seal: Option<Vec<u8>>,
    }
}

impl RegisterRow {
    pub(super) fn is_unsealed(&self) -> bool {
        self.seal.is_none()
    }
}

/// Begins the trail of a database that has just got the table of anchors: the commands get their chain, and a database in which
/// nothing has happened yet gets its seal.
pub(in crate::store) async fn begin(mut on: Handle<'_>, keys: &AuditKeys) -> Result<(), StoreError> {
    let on = &mut on;
    if sql!(on, value i64, IS_USED)? == Some(0) {
        let seal = keys.register(&[0; 32]);
        sql!(on, execute, SEAL_FIRST, seal.as_slice())?;
    }
    open_chain(on, keys, Link::new(COMMANDS)).await.map(drop)
}

/// Opens a chain, and enters it into the register. Whether that was as it was written.
pub(super) async fn open_chain(on: &mut Handle<'_>, keys: &AuditKeys, link: Link) -> Result<bool, StoreError> {
    insert_chain(on, keys, link).await?;
    fold_into_register(on, keys, link.writer).await
}

async fn insert_chain(on: &mut Handle<'_>, keys: &AuditKeys, link: Link) -> Result<(), StoreError> {
    let (head, start) = (keys.head(link), keys.start(link));
    sql!(on, execute, OPEN, link.writer, link.seal.as_slice(), head.as_slice(), start.as_slice()).map(drop)
}

/// Adds a chain to the register, or removes it. A second writer waits for the first and reads the register again. An
/// altered register keeps its old seal, so that `verify` finds it. False when it was altered.
pub(super) async fn fold_into_register(
    on: &mut Handle<'_>,
    keys: &AuditKeys,
    writer: Uuid,
) -> Result<bool, StoreError> {
    for _ in 0..OPENINGS {
        let row = sql!(on, optional RegisterRow, REGISTER)?.ok_or(StoreError::Unreadable("audit_register"))?;
        let mut writers = seal_of(&row.writers)?;
        fold_in(&mut writers, writer);
        let is_sealed = is_sealed(keys, &row);
        let seal = if is_sealed { Some(keys.register(&writers).to_vec()) } else { altered(row.seal) };
        if sql!(on, execute, SET_REGISTER, row.writers.as_slice(), writers.as_slice(), seal)? == 1 {
            return Ok(is_sealed);
        }
    }
    Err(StoreError::Overloaded)
}

/// Seals the register with the chains that there are, whatever it said. Chains that others open meanwhile are entered
/// afterwards.
pub(super) async fn seal_again(on: &mut Handle<'_>, keys: &AuditKeys) -> Result<(), StoreError> {
    sql!(on, execute, LOCK)?;
    let mut writers = sql!(on, values Uuid, WRITERS)?;
    if !writers.contains(&COMMANDS) {
        insert_chain(on, keys, Link::new(COMMANDS)).await?;
        writers.push(COMMANDS);
    }
    let folded = folded(&writers);
    sql!(on, execute, SEAL_AGAIN, folded.as_slice(), keys.register(&folded).as_slice()).map(drop)
}

/// All chains as one.
pub(super) fn folded(writers: &[Uuid]) -> Seal {
    let mut folded: Seal = [0; 32];
    for writer in writers {
        fold_in(&mut folded, *writer);
    }
    folded
}

/// Whether the register is as it was written.
pub(super) fn is_sealed(keys: &AuditKeys, row: &RegisterRow) -> bool {
    let (Ok(writers), Some(seal)) = (seal_of(&row.writers), &row.seal) else { return false };
    keys.is_register(&writers, seal)
}

fn altered(seal: Option<Vec<u8>>) -> Option<Vec<u8>> {
    tracing::error!("the register of the audit trail is not as it was written: run tokend audit verify");
    seal
}
