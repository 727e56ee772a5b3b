//! The columns of events and chains, and how a chain is followed along its events.

use uuid::Uuid;

use crate::audit::{AuditEvent, AuditKeys, Link, Seal};
use crate::domain::{SessionId, UserId};
use crate::store::engine::{StoreError, from_row};

/// How many events are read at once.
pub(super) const PAGE: i64 = 1_000;

from_row! {
    /// An event as a row, with its number and its seal.
    pub(super) struct EventRow {
        pub(super) seq: i64,
        pub(super) at: i64,
        pub(super) kind: String,
        count: i64,
        reason: Option<String>,
        actor: String,
        user_id: Option<Uuid>,
        client_id: Option<String>,
        session_id: Option<Uuid>,
        jti: Option<Uuid>,
        pub(super) target: Option<String>,
        address: Option<String>,
        user_agent: Option<String>,
        request_id: Option<String>,
        pub(super) seal: Vec<u8>,
    }
    columns = event_columns;
}

impl From<EventRow> for AuditEvent {
    fn from(row: EventRow) -> Self {
        Self {
            at: row.at,
            kind: row.kind.into(),
            count: row.count,
            reason: row.reason,
            actor: row.actor,
            user_id: row.user_id.map(UserId),
            client_id: row.client_id,
            session_id: row.session_id.map(SessionId),
            jti: row.jti,
            target: row.target,
            address: row.address,
            user_agent: row.user_agent,
            request_id: row.request_id,
        }
    }
}

pub(super) use event_columns;

macro_rules! select_events {
    ($rest:literal) => {
        concat!("SELECT ", $crate::store::audit_events::row::event_columns!(), " FROM audit_events ", $rest)
    };
}
pub(super) use select_events;

from_row! {
    pub(super) struct ChainRow {
        writer: Uuid,
        seq: i64,
        seal: Vec<u8>,
        head_seal: Vec<u8>,
        start_seq: i64,
        start_after: Vec<u8>,
        start_seal: Vec<u8>,
    }
    columns = chain_columns;
}

pub(super) const CHAIN: &str = concat!("SELECT ", chain_columns!(), " FROM audit_chains WHERE writer = $1");

pub(super) fn seal_of(bytes: &[u8]) -> Result<Seal, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Unreadable("audit seal"))
}

/// Where a chain begins and where it ends, if both are as they were sealed.
pub(super) fn ends(keys: &AuditKeys, chain: &ChainRow) -> Result<Option<(Link, Link)>, StoreError> {
    let start = Link { writer: chain.writer, seq: chain.start_seq, seal: seal_of(&chain.start_after)? };
    let end = Link { writer: chain.writer, seq: chain.seq, seal: seal_of(&chain.seal)? };
    let sealed = keys.is_start(start, &chain.start_seal) && keys.is_head(end, &chain.head_seal);
    Ok(sealed.then_some((start, end)))
}

/// Follows a chain along its events; the number of the first that isn't the next one.
pub(super) fn follow(keys: &AuditKeys, link: &mut Link, rows: Vec<EventRow>) -> Result<Option<i64>, StoreError> {
    for row in rows {
        let (seq, seal) = (row.seq, row.seal.clone());
        let event = AuditEvent::from(row);
        if seq != link.seq.saturating_add(1) || !keys.is_next(*link, &event, &seal) {
            return Ok(Some(seq));
        }
        *link = Link { writer: link.writer, seq, seal: seal_of(&seal)? };
    }
    Ok(None)
}
