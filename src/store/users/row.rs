//! The columns of a user, and the one place where they are folded into the crate's words.

use uuid::Uuid;

use crate::domain::{User, UserId};
use crate::store::column;
use crate::store::engine::{StoreError, from_row};

from_row! {
    /// As a row, or as SQLite's JSON array: in this order.
    #[derive(Clone, Debug, serde::Deserialize)]
    pub(in crate::store) struct UserRow {
        user_id: Uuid = "id",
        username: String,
        email: Option<String>,
        claims: String,
        credentials_version: i64,
        user_created_at: i64 = "created_at",
        user_disabled_at: Option<i64> = "disabled_at",
    }
    columns = user_columns;
}

/// A [`UserRow`] of the table `u` as SQLite's JSON array.
macro_rules! user_json {
    () => {
        "json_array(hex(u.id), u.username, u.email, u.claims, u.credentials_version, u.created_at, u.disabled_at)"
    };
}

pub(in crate::store) use {user_columns, user_json};

/// A user as it was read, for those who need no more of it than its number or its name: the rest takes longer to understand.
#[derive(Debug)]
pub struct StoredUser(UserRow);

impl StoredUser {
    pub(in crate::store) fn new(row: UserRow) -> Self {
        Self(row)
    }

    /// The user's identifier.
    pub fn id(&self) -> UserId {
        UserId(self.0.user_id)
    }

    /// The user's name.
    pub fn username(&self) -> &str {
        &self.0.username
    }

    /// Whether the user is disabled.
    pub fn is_disabled(&self) -> bool {
        self.0.user_disabled_at.is_some()
    }

    /// All of it.
    pub fn read(&self) -> Result<User, StoreError> {
        self.0.clone().try_into()
    }
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(row.user_id),
            username: column::parse(&row.username, "users.username")?,
            email: row.email,
            claims: column::claims(&row.claims)?,
            credentials_version: row.credentials_version,
            created_at: row.user_created_at,
            disabled_at: row.user_disabled_at,
        })
    }
}
