//! Clients: apps and resource servers.

mod change;
pub(crate) mod rules;
mod secret;
mod view;

pub(crate) use self::change::ClientChange;
pub(crate) use self::secret::chosen_secret;
pub(crate) use self::view::ClientView;
use super::{Admin, Ended, Error, Thing};
use crate::domain::spelling::is_obeyed;
use crate::domain::{Client, ClientAuthentication, ClientId, PlainSecret};
use crate::oauth::audience;
use crate::store::StoreError;
use crate::store::sessions::SessionFilter;

/// How often a change is made again when somebody else changes the same client meanwhile.
const ATTEMPTS: usize = 3;

/// What a change did.
#[derive(Debug)]
pub(crate) struct Changed {
    /// How many sessions lost what they rest on, and ended.
    pub revoked: u64,
    /// What is allowed, but hardly meant.
    pub notes: Vec<String>,
}

/// Every client, in the order of their identifiers.
pub(crate) async fn list(admin: &Admin) -> Result<Vec<ClientView>, Error> {
    Ok(admin.store.clients().list().await?.iter().map(ClientView::from).collect())
}

/// One client.
pub(crate) async fn find(admin: &Admin, id: &ClientId) -> Result<ClientView, Error> {
    stored(admin, id).await.map(|client| ClientView::from(&client))
}

/// Refuses an identifier that is taken: for who asks for a secret after that.
pub(crate) async fn require_new(admin: &Admin, id: &ClientId) -> Result<(), Error> {
    match admin.store.clients().find(id).await? {
        Some(_) => Err(Error::exists(Thing::Client, id)),
        None => Ok(()),
    }
}

/// Registers a client; one with a secret is confidential. Answers what is allowed, but hardly meant.
pub(crate) async fn create(
    admin: &Admin,
    id: ClientId,
    secret: Option<&PlainSecret>,
    rights: &ClientChange,
) -> Result<Vec<String>, Error> {
    let authentication =
        secret.map_or(ClientAuthentication::Public, |secret| ClientAuthentication::Secret(secret.hash()));
    let mut client = Client::without_rights(id, authentication, admin.now());
    rights.apply(&mut client);
    rules::require(&client)?;
    match admin.store.clients().insert(&client).await {
        Err(StoreError::Exists) => Err(Error::exists(Thing::Client, &client.id)),
        stored => Ok(stored.map(|()| rules::notes(&client))?),
    }
}

/// Changes a registration; sessions that lose what they rest on end.
pub(crate) async fn update(admin: &Admin, id: &ClientId, by: &ClientChange) -> Result<Changed, Error> {
    let revoked = change(admin, id, |client| {
        by.apply(client);
        rules::require(client)
    });
    let revoked = revoked.await?;
    Ok(Changed { revoked, notes: rules::notes(&stored(admin, id).await?) })
}

/// Replaces the secret of a confidential client; the old one stops working.
pub(crate) async fn replace_secret(admin: &Admin, id: &ClientId, secret: &PlainSecret) -> Result<(), Error> {
    find(admin, id).await?.require_confidential()?;
    let replaced = change(admin, id, |client| {
        client.authentication = ClientAuthentication::Secret(secret.hash());
        Ok(())
    });
    replaced.await.map(drop)
}

/// Refuses a client everything until it is enabled, and ends its sessions and tokens.
pub(crate) async fn disable(admin: &Admin, id: &ClientId) -> Result<Ended, Error> {
    if stored(admin, id).await?.disabled_at.is_some() {
        return Ok(Ended { changed: false, revoked: 0 });
    }
    let now = admin.now();
    let revoked = change(admin, id, |client| {
        client.disabled_at = client.disabled_at.or(Some(now));
        Ok(())
    });
    Ok(Ended { changed: true, revoked: revoked.await? })
}

/// Lets a disabled client work again; what ended stays ended. False when it wasn't disabled.
pub(crate) async fn enable(admin: &Admin, id: &ClientId) -> Result<bool, Error> {
    if stored(admin, id).await?.disabled_at.is_none() {
        return Ok(false);
    }
    let enabled = change(admin, id, |client| {
        client.disabled_at = None;
        Ok(())
    });
    enabled.await.map(|_| true)
}

/// Removes a client, its sessions and its tokens. How many sessions those were.
pub(crate) async fn remove(admin: &Admin, id: &ClientId) -> Result<u64, Error> {
    let its = SessionFilter { client: Some(id.clone()), ..SessionFilter::default() };
    let ended = admin.store.sessions().count(&its, admin.now()).await?;
    let removed = admin.store.clients().remove(id, admin.now()).await?;
    if removed { Ok(ended) } else { Err(Error::not_found(Thing::Client, id)) }
}

/// A name that people see: not empty, short, and nothing that a terminal or a page would obey.
pub(crate) fn display_name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let sound = !text.is_empty() && text.chars().count() <= 200 && !text.contains(is_obeyed);
    if sound { Ok(text.to_owned()) } else { Err("must be 1 to 200 printable characters") }
}

async fn stored(admin: &Admin, id: &ClientId) -> Result<Client, Error> {
    admin.store.clients().find(id).await?.ok_or_else(|| Error::not_found(Thing::Client, id))
}

/// Makes a change to a registration, again if somebody else was quicker. The number of sessions that ended by it.
async fn change(admin: &Admin, id: &ClientId, change: impl Fn(&mut Client) -> Result<(), Error>) -> Result<u64, Error> {
    for _ in 0..ATTEMPTS {
        let before = stored(admin, id).await?;
        let mut after = before.clone();
        change(&mut after)?;
        let now = admin.now();
        let audience = audience::lost(&before, &after, &admin.config);
        if before.own_tokens_outgrow(&after, &audience) {
            // As a revocation of all of them does: never backwards, and past the second that has begun.
            after.tokens_revoked_at = after.tokens_revoked_at.max(now).saturating_add(1);
        }
        let lost = before.rights_lost(&after, audience);
        if let Some(ended) = admin.store.clients().update(&after, &lost, now).await? {
            return Ok(ended);
        }
    }
    Err(Error::Conflict(format!("somebody else is changing client {id}: try again")))
}
