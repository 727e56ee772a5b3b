//! The `registry` row: a version that counts the changes to clients and signing keys, and the recovery window.

use super::db::{Unit, sql};
use super::{Store, StoreError};
use crate::audit::Kind;
use crate::clock::UnixTime;

/// What each node polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RegistryState {
    /// Counts the changes to clients and signing keys.
    pub version: i64,
    /// Until when refresh tokens from before a database's loss of commits are accepted.
    pub recovery_until: Option<UnixTime>,
}

const READ: &str = "SELECT version, recovery_until FROM registry WHERE id = 1";

const COUNT_UP: &str = "UPDATE registry SET version = version + 1 WHERE id = 1";

const COUNT_UP_FROM: &str = "UPDATE registry SET version = version + 1 WHERE id = 1 AND version = $1";

const SET_RECOVERY: &str = "UPDATE registry SET recovery_until = $1, version = version + 1 WHERE id = 1";

impl Store {
    /// The registry as it is.
    pub async fn registry_state(&self) -> Result<RegistryState, StoreError> {
        let state = sql!(self.read().await?, optional RegistryState, READ)?;
        state.ok_or(StoreError::Unreadable("registry"))
    }

    /// Opens the recovery window until a moment, or closes it.
    pub async fn set_recovery(&self, until: Option<UnixTime>) -> Result<(), StoreError> {
        let mut unit = self.begin().await?;
        sql!(unit, execute, SET_RECOVERY, until)?;
        let event = match until {
            Some(until) => self.event(Kind::RecoveryOpened).map(|event| event.of(until.to_string())),
            None => self.event(Kind::RecoveryClosed),
        };
        self.commit(unit, event).await
    }
}

/// Counts up if the version is still this one. The row stays locked until the unit ends, so of several only one goes on.
pub(super) async fn count_up_from(unit: &mut Unit, version: i64) -> Result<bool, StoreError> {
    Ok(sql!(unit, execute, COUNT_UP_FROM, version)? == 1)
}

pub(super) async fn count_up(unit: &mut Unit) -> Result<(), StoreError> {
    sql!(unit, execute, COUNT_UP)?;
    Ok(())
}
