//! The `users` table.

pub(super) mod credentials;
pub(super) mod row;

use std::sync::LazyLock;

pub use self::credentials::Credentials;
pub use self::row::StoredUser;
use self::row::{ProfileRow, UserRow, account_columns, profile_columns, with_profile};
use super::StoreError;
use super::engine::{Unit, sql};
use super::sessions::endings::end_of_user;
use super::table::table;
use crate::audit::EventKind;
use crate::clock::UnixTime;
use crate::domain::{RevokedReason, User, UserId, Username};

table!(users: Users, ActingUsers);

const LIST: &str = concat!(
    "SELECT ",
    account_columns!(),
    ", ",
    profile_columns!(),
    " FROM users WHERE username > $1 ORDER BY username LIMIT $2"
);

/// Users whose address may be $1, which is in lower case. SQLite lowers only ASCII, so every address with other letters
/// is read too. There is no index: only the command line asks, and no request.
const BY_EMAIL: &str = concat!(
    "SELECT ",
    account_columns!(),
    ", ",
    profile_columns!(),
    " FROM users WHERE email IS NOT NULL AND (lower(email) = $1 OR octet_length(email) <> length(email))"
);

/// A statement about a profile's columns. `of` writes one column with the number of its parameter, counted from
/// `first`.
fn about_profile(before: &str, first: usize, of: fn((&str, usize)) -> String, after: &str) -> String {
    let each: Vec<String> = ProfileRow::COLUMNS.iter().copied().zip(first..).map(of).collect();
    format!("{before}{}{after}", each.join(", "))
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let into = "INSERT INTO users (id, username, password_hash, created_at, credentials_version, ";
    let values = about_profile(") VALUES ($1, $2, $3, $4, 1, ", 5, |(_, parameter)| format!("${parameter}"), ")");
    about_profile(into, 5, |(column, _)| column.to_owned(), &values)
});

/// Reads a user and locks the row until the transaction ends. SQLite has no `SELECT .. FOR UPDATE`, and a
/// compare-and-swap would compare JSON texts, which another version may write differently.
const HOLD: &str =
    concat!("UPDATE users SET email = email WHERE id = $1 RETURNING ", account_columns!(), ", ", profile_columns!());

static UPDATE: LazyLock<String> = LazyLock::new(|| {
    about_profile("UPDATE users SET ", 2, |(column, parameter)| format!("{column} = ${parameter}"), " WHERE id = $1")
});

const REHASH: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";

const SET_PASSWORD: &str =
    "UPDATE users SET password_hash = $2, credentials_version = credentials_version + 1 WHERE id = $1";

const DISABLE: &str = "UPDATE users SET disabled_at = $2, credentials_version = credentials_version + 1 \
     WHERE id = $1 AND disabled_at IS NULL";

const ENABLE: &str = "UPDATE users SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL";

const FORGET_DEVICES: &str = "UPDATE users SET devices_known_from = $2 WHERE id = $1";

const REMOVE: &str = "DELETE FROM users WHERE id = $1 RETURNING username";

impl Users<'_> {
    /// The user of that name, with what is needed to check a password.
    pub async fn find_credentials(self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        self.store.lanes.credentials.ask(username.clone()).await?.map(Credentials::try_from).transpose()
    }

    /// Up to `limit` users in the order of their names, from the first one after `after` on.
    pub async fn list(self, after: &str, limit: i64) -> Result<Vec<User>, StoreError> {
        let rows = self.store.db.again(|| async { sql!(self.store.db.read().await?, all UserRow, LIST, after, limit) });
        rows.await?.into_iter().map(User::try_from).collect()
    }

    /// The users with this e-mail address, in the order of their names. Addresses are compared as names are: by their canonical
    /// form.
    pub async fn with_email(self, address: &Username) -> Result<Vec<User>, StoreError> {
        let rows = self
            .store
            .db
            .again(|| async { sql!(self.store.db.read().await?, all UserRow, BY_EMAIL, address.as_str()) });
        let users: Vec<User> = rows.await?.into_iter().map(User::try_from).collect::<Result<_, _>>()?;
        let is_it =
            |user: &User| user.profile.email.as_deref().is_some_and(|email| email.parse().as_ref() == Ok(address));
        let mut users: Vec<User> = users.into_iter().filter(is_it).collect();
        users.sort_by(|one, other| one.username.as_str().cmp(other.username.as_str()));
        Ok(users)
    }

    /// Replaces the hash of an unchanged password by a better one, unless the password was changed meanwhile.
    pub async fn rehash_password(self, id: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        let rehashed =
            self.store.db.again(|| async { sql!(self.store.db.write().await?, execute, REHASH, id.0, old, new) });
        Ok(rehashed.await? == 1)
    }
}

impl ActingUsers<'_> {
    /// Adds a user. [`StoreError::Exists`] when the name is taken.
    pub async fn insert(self, user: &User, password_hash: Option<&str>) -> Result<(), StoreError> {
        let mut unit = self.store.db.begin().await?;
        insert(&mut unit, user, password_hash).await?;
        let event = self.acting.event(EventKind::UserAdded).user(user.id).of(user.username.to_string());
        self.store.commit(unit, [event]).await
    }

    /// Changes a user's address and claims. Concurrent changes run one after the other, so none is lost. False when
    /// there is no such user.
    pub async fn update<E: From<StoreError>>(
        self,
        id: UserId,
        change: impl FnOnce(&mut User) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut unit = self.store.db.begin().await?;
        let Some(held) = sql!(unit, optional UserRow, HOLD, id.0)? else { return Ok(false) };
        let mut user = User::try_from(held)?;
        change(&mut user)?;
        with_profile!(unit, UPDATE.as_str(), &user.profile, id.0)?;
        Ok(self.record_change_of(unit, true, EventKind::UserChanged, id).await?)
    }

    /// Sets a new password and ends every session, in one. The number of sessions; `None` when there is no such user.
    pub async fn set_password(self, id: UserId, hash: &str, now: UnixTime) -> Result<Option<u64>, StoreError> {
        let mut unit = self.store.db.begin().await?;
        if sql!(unit, execute, SET_PASSWORD, id.0, hash)? == 0 {
            return Ok(None);
        }
        let ended = end_of_user(&mut unit, id, RevokedReason::PasswordChanged, now).await?;
        let event = self.acting.event(EventKind::PasswordSet).user(id).counting(ended);
        self.store.commit(unit, [event]).await?;
        Ok(Some(ended))
    }

    /// Disables a user and ends every session, in one. The number of sessions; `None` when there was nothing to do.
    pub async fn disable(self, id: UserId, now: UnixTime) -> Result<Option<u64>, StoreError> {
        let mut unit = self.store.db.begin().await?;
        if sql!(unit, execute, DISABLE, id.0, now)? == 0 {
            return Ok(None);
        }
        let ended = end_of_user(&mut unit, id, RevokedReason::UserDisabled, now).await?;
        let event = self.acting.event(EventKind::UserDisabled).user(id).counting(ended);
        self.store.commit(unit, [event]).await?;
        Ok(Some(ended))
    }

    /// Lets a disabled user sign in again. False when there was nothing to do.
    pub async fn enable(self, id: UserId) -> Result<bool, StoreError> {
        let mut unit = self.store.db.begin().await?;
        let done = sql!(unit, execute, ENABLE, id.0)? == 1;
        self.record_change_of(unit, done, EventKind::UserEnabled, id).await
    }

    /// Forgets every device of a user that was known before `now`. False when there is no such user.
    pub async fn forget_devices(self, id: UserId, now: UnixTime) -> Result<bool, StoreError> {
        // Device tokens of this second are forgotten too.
        let mut unit = self.store.db.begin().await?;
        let done = sql!(unit, execute, FORGET_DEVICES, id.0, now.saturating_add(1))? == 1;
        self.record_change_of(unit, done, EventKind::DevicesForgotten, id).await
    }

    /// Removes a user and, by the foreign key, its sessions. False when there is no such user.
    pub async fn remove(self, id: UserId) -> Result<bool, StoreError> {
        let mut unit = self.store.db.begin().await?;
        let Some(username) = sql!(unit, value String, REMOVE, id.0)? else { return Ok(false) };
        // The event keeps the name, since the row that had it is gone.
        let event = self.acting.event(EventKind::UserRemoved).user(id).of(username);
        self.store.commit(unit, [event]).await?;
        Ok(true)
    }

    /// Commits a change of a user, with an event if there was one.
    async fn record_change_of(self, unit: Unit, done: bool, kind: EventKind, id: UserId) -> Result<bool, StoreError> {
        self.store.commit(unit, done.then(|| self.acting.event(kind).user(id))).await?;
        Ok(done)
    }
}

pub(super) async fn insert(unit: &mut Unit, user: &User, password_hash: Option<&str>) -> Result<(), StoreError> {
    let name = user.username.as_str();
    with_profile!(unit, INSERT.as_str(), &user.profile, user.id.0, name, password_hash, user.created_at)?;
    Ok(())
}
