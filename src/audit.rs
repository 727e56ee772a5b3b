//! The audit trail as values: what happened, by whom, to what; chained so that no edit, gap or cut goes unnoticed. Pure: the
//! store writes each event in the transaction of the change that it records. No event has a secret in it.

mod anchor;
mod chain;
mod event;
mod repeats;
#[cfg(test)]
mod tests;

pub use anchor::{ChainEnd, digest_of, ends_in, list_of};
pub use chain::{AuditKeys, COMMANDS, Link, Seal, fold_in};
pub use event::{Actor, AuditContext, AuditEvent, EventKind};
pub use repeats::Repeats;
