//! The `registry` row: a version that is another one after each change to clients and signing keys, and the recovery window.

use super::StoreError;
use super::engine::{Unit, from_row, sql};
use super::table::table;
use crate::audit::EventKind;
use crate::clock::UnixTime;
use crate::random;

table!(registry: Registry, ActingRegistry);

from_row! {
    /// What each node polls.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RegistryState {
        /// Changes at random with each change to clients and signing keys. A counter would repeat numbers with other
        /// contents after a restore from a backup.
        pub version: i64,
        /// Until when refresh tokens from before a database's loss of commits are accepted.
        pub recovery_until: Option<UnixTime>,
    }
}

const READ: &str = "SELECT version, recovery_until FROM registry WHERE id = 1";

const CHANGE: &str = "UPDATE registry SET version = $1 WHERE id = 1";

const CHANGE_FROM: &str = "UPDATE registry SET version = $2 WHERE id = 1 AND version = $1";

const SET_RECOVERY: &str = "UPDATE registry SET recovery_until = $1, version = $2 WHERE id = 1";

impl Registry<'_> {
    /// The registry as it is.
    pub async fn state(self) -> Result<RegistryState, StoreError> {
        let state =
            self.store.db.again(|| async { sql!(self.store.db.read().await?, optional RegistryState, READ) }).await?;
        state.ok_or(StoreError::Unreadable("registry"))
    }
}

impl ActingRegistry<'_> {
    /// Opens the recovery window until a moment, or closes it.
    pub async fn set_recovery(self, until: Option<UnixTime>) -> Result<(), StoreError> {
        let mut unit = self.store.db.begin().await?;
        sql!(unit, execute, SET_RECOVERY, until, another_version())?;
        let event = match until {
            Some(until) => self.acting.event(EventKind::RecoveryOpened).of(until.to_string()),
            None => self.acting.event(EventKind::RecoveryClosed),
        };
        self.store.commit(unit, [event]).await
    }
}

/// Gives the registry another version if it still has this one. The row stays locked until the transaction ends, so
/// only one of several callers succeeds.
pub(super) async fn change_from(unit: &mut Unit, version: i64) -> Result<bool, StoreError> {
    Ok(sql!(unit, execute, CHANGE_FROM, version, another_version())? == 1)
}

/// Gives the registry another version, so that every node reads it again.
pub(super) async fn change(unit: &mut Unit) -> Result<(), StoreError> {
    sql!(unit, execute, CHANGE, another_version())?;
    Ok(())
}

/// A random version, with room to count up from it.
pub(super) fn another_version() -> i64 {
    i64::from_ne_bytes(random::bytes()) >> 1
}
