//! What views share. A view is both the JSON that programs read and the row that people see: moments are members called `.._at`, in
//! Unix seconds, lengths of time are in seconds, and null is nothing.

use serde::{Serialize, Serializer};

use crate::clock::{NEVER, UnixTime};

/// A part of a listing.
#[derive(Debug)]
pub(crate) struct Page<V> {
    pub items: Vec<V>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// What an act did that ends sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// False when it had been done before.
    pub changed: bool,
    /// How many sessions ended.
    pub revoked: u64,
}

impl<V> Page<V> {
    /// Of rows that were read with [`Page::one_more`].
    pub fn of<R>(rows: Vec<R>, limit: i64, view: impl FnMut(R) -> V) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        Self { items: rows.into_iter().take(limit).map(view).collect(), more }
    }
}

/// The limit to read with, so that one sees whether there are more.
pub(super) fn one_more(limit: i64) -> i64 {
    limit.saturating_add(1)
}

/// [`NEVER`] is null.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(super) fn unless_never<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    Some(*time).filter(|time| *time != NEVER).serialize(serializer)
}
