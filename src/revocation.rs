//! Ending tokens and sessions: RFC 7009, logout, and what an administrator may end.

use crate::app::App;
use crate::audit::Actor;
use crate::domain::{Client, ClientId, RequestContext, RevokedReason, SessionId, UserId, Username};
use crate::oauth::{Refusal, snapshot};
use crate::session::{ParsedRefreshToken, presented};
use crate::store::sessions::SessionFilter;
use crate::token::judge::Verdict;
use crate::token_state;

/// What an administrator ends at once.
pub enum Bulk {
    /// One session.
    Session(SessionId),
    /// Every session of a user.
    User(UserId),
    /// Every session of the user of that name.
    Username(Username),
    /// Every session of a client, and its own tokens.
    Client(ClientId),
}

/// Revokes one token for its own client, or for an administrator. The answer is the same for every other token.
///
/// A refresh token ends its session; an access token ends alone (RFC 7009 §2.1).
pub async fn revoke_token(
    app: &App,
    client: &Client,
    text: &str,
    request_context: &RequestContext,
) -> Result<(), Refusal> {
    let reason = if client.is_admin() { RevokedReason::Admin } else { RevokedReason::Client };
    let now = app.clock.now();
    let store = app.store.by(app.acting(Actor::Client(client.id.clone()), request_context));
    let registry = snapshot(app)?;
    if let Ok(token) = app.refresh_keys.open(text) {
        if let Some(found) = presented(app, &registry, token.session_id).await?
            && (client.is_admin() || found.session().client_id == client.id)
        {
            store.sessions().revoke(token.session_id, reason, now).await?;
        }
        return Ok(());
    }
    if let Some(claims) = token_state::verify_for_revocation(app, &registry, text, now)
        && (client.is_admin() || claims.client_id == client.id)
    {
        store.revoked_tokens().revoke(claims.jti, claims.exp, now).await?;
    }
    Ok(())
}

/// Ends sessions in bulk, for the administrator `client`. How many ended.
pub async fn revoke_bulk(
    app: &App,
    client: &Client,
    bulk: Bulk,
    request_context: &RequestContext,
) -> Result<u64, Refusal> {
    let now = app.clock.now();
    let store = app.store.by(app.acting(Actor::Client(client.id.clone()), request_context));
    let ended = match bulk {
        Bulk::Session(id) => store.sessions().revoke(id, RevokedReason::Admin, now).await?,
        Bulk::User(id) => store.sessions().revoke_of_user(id, RevokedReason::Admin, now).await?,
        Bulk::Username(name) => match app.store.users().find_credentials(&name).await? {
            Some(found) => store.sessions().revoke_of_user(found.user.id, RevokedReason::Admin, now).await?,
            None => 0,
        },
        Bulk::Client(id) => {
            let ended = store.clients().revoke(&id, now).await?;
            // So that the next token of the client on this node isn't dated before the revocation.
            if let Err(error) = app.registry.refresh().await {
                tracing::warn!(%error, "could not read the registry after a revocation");
            }
            ended
        }
    };
    Ok(ended)
}

/// Signs out by refresh token. `client` is the authenticated one; without it only a public client's session ends.
///
/// With `all`, every session of the user ends, but only for a token that is good: an old one that was left somewhere
/// ends its own session at most. False when `all` was asked for and others are left.
pub async fn logout_by_refresh_token(
    app: &App,
    client: Option<&Client>,
    text: &str,
    all: bool,
    request_context: &RequestContext,
) -> Result<bool, Refusal> {
    let Ok(token) = ParsedRefreshToken::parse(&app.refresh_keys, text) else { return Ok(true) };
    let Some(found) = presented(app, &*snapshot(app)?, token.token.session_id).await? else { return Ok(true) };
    let session = found.session();
    if client.is_some_and(|client| client.id != session.client_id) {
        return Ok(true);
    }
    let (Ok((owner, _)), Ok(verdict)) = (found.client(), found.verdict(&token)) else {
        // The session ended with its client, the user's sessions on others didn't.
        return Ok(!all || !has_live_session(app, session.user_id).await?);
    };
    if client.is_none() && !owner.is_public() {
        return Err(Refusal::InvalidClient("a confidential client without its secret"));
    }
    let now = found.read_at();
    let good = found.has_not_ended() && !matches!(verdict, Verdict::Reuse | Verdict::Ahead);
    let store = app.store.by(app.acting(Actor::User(session.user_id), request_context));
    if all && good {
        store.sessions().revoke_of_user(session.user_id, RevokedReason::Logout, now).await?;
        return Ok(true);
    }
    store.sessions().revoke(session.id, RevokedReason::Logout, now).await?;
    Ok(!all || !has_live_session(app, session.user_id).await?)
}

/// Signs out by access token: ends its session, or every session of its user. The session, or `None` when the token is no
/// good for that: one that isn't for us as well could come from any resource server that it was sent to.
pub async fn logout_by_access_token(
    app: &App,
    text: &str,
    all: bool,
    request_context: &RequestContext,
) -> Result<Option<SessionId>, Refusal> {
    let registry = snapshot(app)?;
    let now = app.clock.now();
    let verified = token_state::verify(app, &registry, text, now).filter(|claims| token_state::is_for_us(app, claims));
    let Some(sid) = verified.and_then(|claims| claims.sid) else { return Ok(None) };
    let live = token_state::access_token(app, text).await?;
    let Some(user) = live.ok().and_then(|live| live.user).map(|user| user.id()) else {
        return Ok(is_gone(app, sid, all).await?.then_some(sid));
    };
    let store = app.store.by(app.acting(Actor::User(user), request_context));
    if all {
        store.sessions().revoke_of_user(user, RevokedReason::Logout, now).await?;
    } else {
        store.sessions().revoke(sid, RevokedReason::Logout, now).await?;
    }
    Ok(Some(sid))
}

/// Whether `text` is a refresh token of that session. No database call.
pub fn is_of_session(app: &App, text: &str, session: SessionId) -> bool {
    app.refresh_keys.open(text).is_ok_and(|token| token.session_id == session)
}

/// Gone already is as good as ended. A token that was revoked by itself ends nothing.
async fn is_gone(app: &App, sid: SessionId, all: bool) -> Result<bool, Refusal> {
    let Some(found) = presented(app, &*snapshot(app)?, sid).await? else { return Ok(true) };
    if all {
        return Ok(!has_live_session(app, found.session().user_id).await?);
    }
    Ok(found.state().is_err())
}

async fn has_live_session(app: &App, user: UserId) -> Result<bool, Refusal> {
    let filter = SessionFilter { user: Some(user), ..SessionFilter::default() };
    Ok(!app.store.sessions().list(&filter, app.clock.now(), 1).await?.is_empty())
}
