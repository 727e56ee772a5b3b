//! The recovery window, in which refresh tokens are accepted that are ahead of a database that lost commits.

use serde::Serialize;

use super::{Admin, Error};
use crate::clock::{Seconds, UnixTime};

/// Whether the window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RecoveryView {
    pub open: bool,
    pub until: Option<UnixTime>,
}

/// Opens the window. Servers that run follow within a second.
pub(crate) async fn open(admin: &Admin, length: Seconds) -> Result<UnixTime, Error> {
    let until = admin.now().saturating_add(length);
    admin.store.registry().set_recovery(Some(until)).await?;
    Ok(until)
}

/// Closes the window.
pub(crate) async fn close(admin: &Admin) -> Result<(), Error> {
    Ok(admin.store.registry().set_recovery(None).await?)
}

/// How the window is.
pub(crate) async fn status(admin: &Admin) -> Result<RecoveryView, Error> {
    let until = admin.store.registry().state().await?.recovery_until.filter(|until| admin.now() < *until);
    Ok(RecoveryView { open: until.is_some(), until })
}
