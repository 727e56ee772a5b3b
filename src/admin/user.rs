//! Users: people with a password.

mod claims;

use serde::Serialize;

pub(crate) use self::claims::{Claim, claim_name};
use super::view::one_more;
use super::{Admin, Ended, Error, Page, Thing};
use crate::clock::UnixTime;
use crate::domain::spelling::visible;
use crate::domain::{Claims, Profile, User, UserId, Username};
use crate::password::{PlainPassword, StoredHash};
use crate::store::StoreError;
use crate::store::sessions::SessionFilter;
use crate::store::users::Credentials;

/// A user as it is shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UserView {
    pub id: UserId,
    pub username: Username,
    pub email: Option<String>,
    pub claims: Claims,
    pub created_at: UnixTime,
    pub disabled_at: Option<UnixTime>,
    /// Left out of listings, which don't read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_password: Option<bool>,
}

/// A user to be.
#[derive(Debug)]
pub(crate) struct NewUser {
    pub username: Username,
    pub email: Option<String>,
    pub claims: Vec<Claim>,
}

/// What becomes a user's password.
pub(crate) enum NewPassword {
    Plain(PlainPassword),
    /// What another server stored.
    Hash(StoredHash),
}

/// What is to be different.
#[derive(Debug, Default)]
#[expect(clippy::option_option, reason = "not given, or given as nothing")]
pub(crate) struct UserChange {
    /// `Some(None)` forgets the address.
    pub email: Option<Option<String>>,
    pub claims: Vec<Claim>,
    pub remove_claims: Vec<String>,
}

/// The user of that name, or the only one with that e-mail address. A name goes before an address, as it does at a sign-in.
pub(crate) async fn find(admin: &Admin, name: &Username) -> Result<UserView, Error> {
    if let Some(found) = admin.store.users().find_credentials(name).await? {
        return Ok(found.into());
    }
    if !name.as_str().contains('@') {
        return Err(Error::not_found(Thing::User, name));
    }
    let names: Vec<_> = admin.store.users().with_email(name).await?.into_iter().map(|user| user.username).collect();
    match names.as_slice() {
        [] => Err(Error::not_found(Thing::User, name)),
        [only] => {
            let found = admin.store.users().find_credentials(only).await?;
            found.map(UserView::from).ok_or_else(|| Error::not_found(Thing::User, only))
        }
        several => {
            let several = several.iter().map(Username::as_str).collect::<Vec<_>>().join(" ");
            let text = format!("the e-mail address {name} is that of several users, say which: {several}");
            Err(Error::Conflict(text))
        }
    }
}

/// Users in the order of their names, from the first one after `after` on.
pub(crate) async fn list(admin: &Admin, after: &str, limit: i64) -> Result<Page<UserView>, Error> {
    // A name is looked up in its canonical form, and any other text is as good a place to begin as a name.
    let after = after.parse::<Username>().map_or_else(|_| after.to_owned(), |name| name.to_string());
    Ok(Page::of(admin.store.users().list(&after, one_more(limit)).await?, limit, UserView::from))
}

/// The users with this address, in the order of their names.
pub(crate) async fn with_email(admin: &Admin, address: &Username, limit: i64) -> Result<Page<UserView>, Error> {
    Ok(Page::of(admin.store.users().with_email(address).await?, limit, UserView::from))
}

/// Refuses a user that can't be created: for who asks for its password after that.
pub(crate) async fn require_new(admin: &Admin, new: &NewUser) -> Result<(), Error> {
    if admin.store.users().find_credentials(&new.username).await?.is_some() {
        return Err(Error::exists(Thing::User, &new.username));
    }
    claims::set(&mut Claims::new(), new.claims.clone())
}

/// Adds a user. Without a password nobody can sign in until one is set.
pub(crate) async fn create(admin: &Admin, new: NewUser, password: Option<NewPassword>) -> Result<UserView, Error> {
    let mut claims = Claims::new();
    claims::set(&mut claims, new.claims)?;
    let user = User {
        id: UserId::generate(),
        username: new.username,
        profile: Profile::new(new.email, claims),
        credentials_version: 1,
        created_at: admin.now(),
        disabled_at: None,
    };
    let hash = match password {
        Some(password) => Some(hash(admin, password).await?),
        None => None,
    };
    match admin.store.users().insert(&user, hash.as_ref().map(StoredHash::as_str)).await {
        Err(StoreError::Exists) => Err(Error::exists(Thing::User, &user.username)),
        stored => Ok(stored.map(|()| user.into())?),
    }
}

/// Changes a user. Of changes at once each sees what the one before has left.
pub(crate) async fn update(admin: &Admin, id: UserId, change: UserChange) -> Result<(), Error> {
    found(id, admin.store.users().update(id, |user| change.apply(user)).await?)
}

/// Sets a password and ends every session of the user. How many those were.
pub(crate) async fn set_password(admin: &Admin, id: UserId, password: NewPassword) -> Result<u64, Error> {
    let hash = hash(admin, password).await?;
    let ended = admin.store.users().set_password(id, hash.as_str(), admin.now()).await?;
    ended.ok_or_else(|| Error::not_found(Thing::User, id))
}

/// Keeps a user from signing in, and ends every session.
pub(crate) async fn disable(admin: &Admin, user: &UserView) -> Result<Ended, Error> {
    let ended = admin.store.users().disable(user.id, admin.now()).await?;
    if ended.is_none() {
        require_existing(admin, user).await?;
    }
    Ok(Ended { changed: ended.is_some(), revoked: ended.unwrap_or(0) })
}

/// Lets a disabled user sign in again. False when it wasn't disabled.
pub(crate) async fn enable(admin: &Admin, user: &UserView) -> Result<bool, Error> {
    let is_changed = admin.store.users().enable(user.id).await?;
    if !is_changed {
        require_existing(admin, user).await?;
    }
    Ok(is_changed)
}

/// Treats the devices that a user has signed in on as unknown ones, as when one was stolen.
pub(crate) async fn forget_devices(admin: &Admin, id: UserId) -> Result<(), Error> {
    found(id, admin.store.users().forget_devices(id, admin.now()).await?)
}

/// Removes a user and its sessions. How many those were.
pub(crate) async fn remove(admin: &Admin, id: UserId) -> Result<u64, Error> {
    let its = SessionFilter { user: Some(id), ..SessionFilter::default() };
    let ended = admin.store.sessions().count(&its, admin.now()).await?;
    found(id, admin.store.users().remove(id).await?)?;
    Ok(ended)
}

/// Fails if the user was removed meanwhile: "was disabled before" would be wrong.
async fn require_existing(admin: &Admin, user: &UserView) -> Result<(), Error> {
    let stored = admin.store.users().find_credentials(&user.username).await?;
    found(user.id, stored.is_some_and(|stored| stored.user.id == user.id))
}

fn found(id: UserId, is_found: bool) -> Result<(), Error> {
    if is_found { Ok(()) } else { Err(Error::not_found(Thing::User, id)) }
}

async fn hash(admin: &Admin, password: NewPassword) -> Result<StoredHash, Error> {
    match password {
        NewPassword::Plain(password) => admin.hash(password).await,
        NewPassword::Hash(hash) => Ok(hash),
    }
}

/// An address that mail could be sent to, as far as one can tell without sending any.
pub(crate) fn email(text: &str) -> Result<String, &'static str> {
    let text = visible(text);
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    let sound = !local.is_empty() && !domain.is_empty() && text.len() <= 320;
    let visible = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if sound && visible { Ok(text.to_owned()) } else { Err("must be an address such as alice@example.com") }
}

impl UserChange {
    fn apply(self, user: &mut User) -> Result<(), Error> {
        if let Some(email) = self.email {
            user.profile.email = email;
        }
        for claim in &self.remove_claims {
            if user.profile.claims.remove(claim).is_none() {
                return Err(Error::invalid(format!("user {} has no claim {claim}", user.username)));
            }
        }
        claims::set(&mut user.profile.claims, self.claims)
    }
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, username, profile, created_at, disabled_at, .. } = user;
        let (email, claims) = (profile.email, profile.claims);
        Self { id, username, email, claims, created_at, disabled_at, has_password: None }
    }
}

impl From<Credentials> for UserView {
    fn from(found: Credentials) -> Self {
        Self { has_password: Some(found.password_hash.is_some()), ..found.user.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_sides_and_no_spaces() {
        assert!(email("alice@example.com").is_ok() && email("\"a@b\"@localhost").is_ok());
        assert_eq!(email("\u{200b} alice@example.com\u{a0}\n").as_deref(), Ok("alice@example.com"));
        for text in ["", "alice", "@example.com", "alice@", "a b@example.com", "a\n@b", "a\0@b"] {
            assert!(email(text).is_err(), "{text:?}");
        }
    }
}
