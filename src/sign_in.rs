//! How a user is authenticated. Whatever the way in, it yields an [`Authenticated`], with which a session can begin.

mod attempt;
pub mod password;

use uuid::Uuid;

use crate::clock::UnixTime;
use crate::domain::{Device, User};

/// A user who has proven who they are.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The user.
    pub user: User,
    /// When: the `auth_time` of what follows from it.
    pub at: UnixTime,
    /// How, RFC 8176.
    pub amr: &'static [&'static str],
    /// Where.
    pub device: Device,
    /// What the device is known by from now on, if it is to be known.
    pub device_id: Option<Uuid>,
}
