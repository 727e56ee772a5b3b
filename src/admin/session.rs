//! Sessions: who is signed in where.

use std::collections::HashMap;

use serde::Serialize;

use super::view::{one_more, unless_never};
use super::{Admin, Error, Page, Thing};
use crate::app::refresh_policy;
use crate::clock::UnixTime;
use crate::domain::{Client, ClientId, RevokedReason, SessionId, UserId, Username};
use crate::store::sessions::{SessionFilter, SignedIn};
use crate::token::judge::effective_expiry;

/// Everything about a session but the hashes of its tokens.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SessionView {
    pub id: SessionId,
    pub user_id: UserId,
    pub username: Username,
    pub client_id: ClientId,
    pub state: &'static str,
    pub scope: String,
    pub audience: Vec<String>,
    pub grant_type: String,
    pub amr: Vec<String>,
    pub generation: i64,
    pub created_at: UnixTime,
    pub auth_time: UnixTime,
    pub last_used_at: UnixTime,
    /// By its client's registration as it is now; the others are as they were stored with the last use.
    #[serde(serialize_with = "unless_never")]
    pub ends_at: UnixTime,
    #[serde(serialize_with = "unless_never")]
    pub idle_expires_at: UnixTime,
    #[serde(serialize_with = "unless_never")]
    pub expires_at: UnixTime,
    pub revoked_at: Option<UnixTime>,
    pub revoked_reason: Option<&'static str>,
    pub device_name: Option<String>,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
}

/// Which sessions to list.
#[derive(Clone, Debug)]
pub(crate) struct SessionQuery {
    pub user: Option<UserId>,
    pub client: Option<ClientId>,
    /// Ended ones too.
    pub all: bool,
    pub limit: i64,
}

/// Sessions, the newest first.
pub(crate) async fn list(admin: &Admin, query: SessionQuery) -> Result<Page<SessionView>, Error> {
    let SessionQuery { user, client, all, limit } = query;
    let (filter, now) = (SessionFilter { user, client, ended: all }, admin.now());
    let rows = admin.store.sessions().list_signed_in(&filter, now, one_more(limit)).await?;
    let clients = clients(admin).await?;
    let mut page = Page::of(rows, limit, |found| view(admin, &clients, found, now));
    // The database goes by the end that was stored with the last use. A lifetime that was lowered since counts too.
    page.items.retain(|session| all || session.ends_at > now);
    Ok(page)
}

/// One session.
pub(crate) async fn find(admin: &Admin, id: SessionId) -> Result<SessionView, Error> {
    let found = admin.store.sessions().find(id).await?.ok_or_else(|| Error::not_found(Thing::Session, id))?;
    Ok(view(admin, &clients(admin).await?, found, admin.now()))
}

/// Ends one session. False when it had been ended before.
pub(crate) async fn revoke(admin: &Admin, id: SessionId) -> Result<bool, Error> {
    if admin.store.sessions().find(id).await?.is_none() {
        return Err(Error::not_found(Thing::Session, id));
    }
    Ok(admin.store.sessions().revoke(id, RevokedReason::Admin, admin.now()).await? > 0)
}

/// Ends every session of a user. How many those were.
pub(crate) async fn revoke_user(admin: &Admin, id: UserId) -> Result<u64, Error> {
    Ok(admin.store.sessions().revoke_of_user(id, RevokedReason::Admin, admin.now()).await?)
}

/// Ends every session of a client, and its tokens without a session. How many sessions those were.
pub(crate) async fn revoke_client(admin: &Admin, id: &ClientId) -> Result<u64, Error> {
    Ok(admin.store.clients().revoke(id, admin.now()).await?)
}

type Clients = HashMap<ClientId, Client>;

async fn clients(admin: &Admin) -> Result<Clients, Error> {
    Ok(admin.store.clients().list().await?.into_iter().map(|client| (client.id.clone(), client)).collect())
}

/// When a session ends unless it is used before: what is earlier, the end of its idle time or of its life, by its client's
/// registration as it is now; and when it was ended, if it was.
fn ending(admin: &Admin, clients: &Clients, SignedIn { session, .. }: &SignedIn) -> UnixTime {
    if let Some(revoked) = session.revoked {
        return revoked.at;
    }
    let by_row = session.idle_expires_at.min(session.expires_at);
    let client = clients.get(&session.client_id);
    client.map_or(by_row, |client| effective_expiry(session.life(), &refresh_policy(&admin.config, client)))
}

fn view(admin: &Admin, clients: &Clients, found: SignedIn, now: UnixTime) -> SessionView {
    let ends_at = ending(admin, clients, &found);
    let SignedIn { session, user } = found;
    SessionView {
        id: session.id,
        user_id: user.id,
        username: user.username,
        client_id: session.client_id,
        state: match session.revoked {
            Some(_) => "revoked",
            None if now >= ends_at => "expired",
            None => "active",
        },
        scope: session.scope.to_string(),
        audience: session.audience,
        grant_type: session.grant_type,
        amr: session.amr,
        generation: session.generation,
        created_at: session.created_at,
        auth_time: session.auth_time,
        last_used_at: session.last_used_at,
        ends_at,
        idle_expires_at: session.idle_expires_at,
        expires_at: session.expires_at,
        revoked_at: session.revoked.map(|revoked| revoked.at),
        revoked_reason: session.revoked.map(|revoked| revoked.reason.as_str()),
        device_name: session.device.name,
        user_agent: session.device.user_agent,
        ip: session.device.ip,
    }
}
