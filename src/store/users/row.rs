//! The columns of a user, each written once, and the one place where they are folded into the crate's words.

use serde::Deserialize;
use sqlx::query::Query;
use sqlx::{Database, Encode, Type};
use uuid::Uuid;

use crate::domain::{Claims, Profile, User, UserId};
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

/// How a column holds a value of the crate.
pub(in crate::store) trait Stored: Sized {
    type Column;

    fn from_column(column: Self::Column) -> Result<Self, StoreError>;

    fn to_column(&self) -> Self::Column;
}

impl Stored for Option<String> {
    type Column = Self;

    fn from_column(column: Self) -> Result<Self, StoreError> {
        Ok(column)
    }

    fn to_column(&self) -> Self {
        self.clone()
    }
}

impl Stored for Claims {
    type Column = String;

    fn from_column(column: String) -> Result<Self, StoreError> {
        column::claims(&column)
    }

    fn to_column(&self) -> String {
        column::claims_text(self)
    }
}

/// Declares the columns of a [`Profile`], which every statement reads and writes that reads or writes one.
macro_rules! profile {
    ($($column:ident: $type:ty,)*) => {
        from_row! {
            #[derive(Clone, Debug, Deserialize)]
            pub(in crate::store) struct ProfileRow {
                $($column: <$type as Stored>::Column,)*
            }
            columns = profile_columns;
            json = profile_json;
        }

        impl TryFrom<ProfileRow> for Profile {
            type Error = StoreError;

            fn try_from(row: ProfileRow) -> Result<Self, StoreError> {
                let mut profile = Self::default();
                $(profile.$column = Stored::from_column(row.$column)?;)*
                Ok(profile)
            }
        }

        impl From<&Profile> for ProfileRow {
            fn from(profile: &Profile) -> Self {
                Self { $($column: profile.$column.to_column(),)* }
            }
        }

        impl ProfileRow {
            /// The names of the columns.
            pub(in crate::store) const COLUMNS: &[&str] = &[$(stringify!($column)),*];

            /// Binds the columns in the order of their names.
            pub(in crate::store) fn bind<'q, D: Database>(
                self,
                query: Query<'q, D, <D as Database>::Arguments>,
            ) -> Query<'q, D, <D as Database>::Arguments>
            where
                $(<$type as Stored>::Column: Encode<'q, D> + Type<D> + 'q,)*
            {
                query$(.bind(self.$column))*
            }
        }
    };
}

profile! {
    email: Option<String>,
    claims: Claims,
}

from_row! {
    /// All of a user: the columns of both parts.
    #[derive(Clone, Debug, Deserialize)]
    pub(in crate::store) struct UserRow {
        ..account: AccountRow,
        ..profile: ProfileRow,
    }
}

pub(in crate::store) use {account_columns, account_json, profile_columns, profile_json};

/// A user as it was read: what decisions need, and the profile only where it may be asked for. Texts are understood when they are
/// needed, since that takes long.
#[derive(Debug)]
pub struct StoredUser {
    account: AccountRow,
    profile: Option<ProfileRow>,
}

impl StoredUser {
    pub(in crate::store) fn new(account: AccountRow, profile: Option<ProfileRow>) -> Self {
        Self { account, profile }
    }

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
