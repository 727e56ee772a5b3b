//! A user by name, with what is needed to check a password: what every sign-in reads.

use super::row::{UserRow, account_columns, profile_columns};
use crate::clock::UnixTime;
use crate::domain::{User, Username};
use crate::store::engine::{Connection, Read, StoreError, from_row, sql};

/// A user together with the stored password hash, if there is one.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash as stored; a text that no password fits is possible.
    pub password_hash: Option<String>,
    /// Device tokens that were made before this are any device's.
    pub devices_known_from: UnixTime,
}

from_row! {
    pub(in crate::store) struct CredentialsRow {
        password_hash: Option<String>,
        devices_known_from: i64,
        ..user: UserRow,
    }
}

impl TryFrom<CredentialsRow> for Credentials {
    type Error = StoreError;

    fn try_from(row: CredentialsRow) -> Result<Self, StoreError> {
        let (password_hash, devices_known_from) = (row.password_hash, row.devices_known_from);
        Ok(Self { user: row.user.try_into()?, password_hash, devices_known_from })
    }
}

const FIND: &str = concat!(
    "SELECT ",
    account_columns!(),
    ", ",
    profile_columns!(),
    ", password_hash, devices_known_from FROM users WHERE username = $1"
);

/// Reads users by name. Passwords take so long to check that there is hardly ever more than one to be read at a time.
pub(in crate::store) struct FindCredentials;

impl Read for FindCredentials {
    type Item = Username;
    type Outcome = Option<CredentialsRow>;

    async fn read(on: &mut Connection, names: &[Username]) -> Result<Vec<Option<CredentialsRow>>, StoreError> {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            found.push(sql!(on, optional CredentialsRow, FIND, name.as_str())?);
        }
        Ok(found)
    }
}
