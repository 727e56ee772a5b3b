//! The columns of a user, each written once, and the one place where they are folded into the crate's words.

use serde::Deserialize;
use uuid::Uuid;

use crate::domain::{Profile, User, UserId};
use crate::store::column;
use crate::store::engine::{StoreError, from_row};

from_row! {
    /// What decisions need of a user.
    #[derive(Clone, Debug, Deserialize)]
    pub(in crate::store) struct AccountRow {
        user_id: Uuid = "id" as hex,
        username: String,
        credentials_version: i64,
        user_created_at: i64 = "created_at",
        user_disabled_at: Option<i64> = "disabled_at",
    }
    columns = account_columns;
    json = account_json;
}

/// Declares the columns of a [`Profile`]: the type of each, how it is read into the profile, and how it is written.
macro_rules! profile {
    (($dollar:tt) $($column:ident: $type:ty = ($read:expr, $write:expr),)*) => {
        from_row! {
            #[derive(Clone, Debug, Deserialize)]
            pub(in crate::store) struct ProfileRow {
                $($column: $type,)*
            }
            columns = profile_columns;
            json = profile_json;
        }

        impl TryFrom<ProfileRow> for Profile {
            type Error = StoreError;

            fn try_from(row: ProfileRow) -> Result<Self, StoreError> {
                let mut profile = Self::default();
                $(profile.$column = ($read)(row.$column)?;)*
                Ok(profile)
            }
        }

        impl ProfileRow {
            pub(in crate::store) const COLUMNS: &[&str] = &[$(stringify!($column)),*];
        }

        /// Runs a statement whose last parameters are the columns of a profile. The number of rows.
        macro_rules! with_profile {
            ($dollar unit:expr, $dollar sql:expr, $dollar profile:expr $dollar(, $dollar bind:expr)*) => {
                $crate::store::engine::sql!(
                    $dollar unit, execute, $dollar sql $dollar(, $dollar bind)* $(, $write(&$dollar profile.$column))*
                )
            };
        }
    };
}

profile! {
    ($)
    email: Option<String> = (Ok::<_, StoreError>, Option::as_deref),
    claims: String = (|text: String| column::claims(&text), crate::store::column::claims_text),
}

from_row! {
    /// All of a user: the columns of both parts.
    #[derive(Clone, Debug, Deserialize)]
    pub(in crate::store) struct UserRow {
        ..account: AccountRow,
        ..profile: ProfileRow,
    }
}

pub(in crate::store) use {account_columns, account_json, profile_columns, profile_json, with_profile};

/// A user as it was read: what decisions need, and the profile only if it was asked for. Columns are parsed on demand,
/// since parsing takes long.
#[derive(Debug)]
pub struct StoredUser {
    pub(in crate::store) account: AccountRow,
    pub(in crate::store) profile: Option<ProfileRow>,
}

impl StoredUser {
    /// The user's identifier.
    pub fn id(&self) -> UserId {
        UserId(self.account.user_id)
    }

    /// The user's name.
    pub fn username(&self) -> &str {
        &self.account.username
    }

    /// Whether the user is disabled.
    pub fn is_disabled(&self) -> bool {
        self.account.user_disabled_at.is_some()
    }

    /// All of it; `None` if the profile wasn't read.
    pub fn read(&self) -> Result<Option<User>, StoreError> {
        let Some(profile) = self.profile.clone() else { return Ok(None) };
        User::try_from(UserRow { account: self.account.clone(), profile }).map(Some)
    }
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(UserRow { account, profile }: UserRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(account.user_id),
            username: column::parse(&account.username, "users.username")?,
            profile: profile.try_into()?,
            credentials_version: account.credentials_version,
            created_at: account.user_created_at,
            disabled_at: account.user_disabled_at,
        })
    }
}
