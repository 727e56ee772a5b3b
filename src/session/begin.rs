//! How a session begins: an authenticated user, on a client, with what is granted.

use std::borrow::Cow;
use std::sync::Arc;

use crate::app::{App, Snapshot};
use crate::audit::Actor;
use crate::clock::{Seconds, UnixTime, expiry};
use crate::domain::{Client, Grant, PlainSecret, RefreshPolicy, RequestContext, Session, SessionId};
use crate::oauth::issue::{SignedInUser, Subject};
use crate::oauth::{Granted, InvalidGrant, Issued, IssuedDevice, IssuedRefresh, Refusal, Requested, issue, snapshot};
use crate::random;
use crate::sign_in::Authenticated;
use crate::store::sessions::DecidedOn;
use crate::token::device::KnownDevice;
use crate::token::judge::effective_expiry;
use crate::token::refresh::RefreshToken;

/// How often it is decided again when the client is changed under it.
const ATTEMPTS: usize = 3;

/// What a session begins with.
pub struct Beginning<'a> {
    /// The grant, which the client must have.
    pub grant: Grant,
    /// The client, authenticated.
    pub client: &'a Client,
    /// The user.
    pub authenticated: &'a Authenticated,
    /// What the client asks for.
    pub requested: &'a Requested<'a>,
    /// Where the request comes from.
    pub request_context: &'a RequestContext,
}

/// Stores a session and issues its tokens. Everything is decided by the newest registration of the client; `invalid_grant` when the user
/// or the client keeps changing meanwhile.
pub async fn begin(app: &App, beginning: &Beginning<'_>) -> Result<Issued, Refusal> {
    for _ in 0..ATTEMPTS {
        let registry = snapshot(app)?;
        let client = registry.client(beginning.client.id.as_str()).ok_or(InvalidGrant::Overtaken)?;
        client.require_grant(beginning.grant)?;
        if let Some(issued) = attempt(app, &registry, client, beginning).await? {
            return Ok(Issued { device: known_device(app, beginning.authenticated), ..issued });
        }
        // The registration may have changed since this node last looked.
        app.registry.refresh().await.map_err(|error| Refusal::Unavailable(error.to_string()))?;
    }
    Err(InvalidGrant::Overtaken.into())
}

/// `None` when the user or the client changed since they were read.
async fn attempt(
    app: &App,
    registry: &Snapshot,
    client: &Arc<Client>,
    beginning: &Beginning<'_>,
) -> Result<Option<Issued>, Refusal> {
    let now = app.clock.now();
    let user = &beginning.authenticated.user;
    let granted = beginning.requested.grant(client, &app.config)?;
    let (session, token) = new_session(app, client, beginning, granted, now);
    let session_ends_at = effective_expiry(session.life(), &app.refresh_policy(client));
    let granted = Granted { scope: Cow::Borrowed(&session.scope), audience: session.audience.clone() };
    let signed_in = Some(SignedInUser::of(app, &session, user));
    let issued = issue(app, registry, Subject { client, user: signed_in, session_ends_at, granted }, now)?;
    let decided_on = DecidedOn { credentials_version: user.credentials_version, client_version: client.version };
    let store = app.store.by(app.acting(Actor::User(user.id), beginning.request_context));
    if !store.sessions().insert(&session, decided_on).await? {
        return Ok(None);
    }
    let lifetime = session_ends_at.saturating_sub(now);
    let refresh = client.may_use(Grant::RefreshToken).then_some(IssuedRefresh { token, lifetime, verdict: None });
    Ok(Some(Issued { refresh, ..issued }))
}

/// A session and its first refresh token. Without the refresh grant that token stays here.
fn new_session(
    app: &App,
    client: &Client,
    beginning: &Beginning<'_>,
    granted: Granted<'_>,
    now: UnixTime,
) -> (Session, PlainSecret) {
    let id = SessionId::generate(now);
    let token = app.refresh_keys.seal(&RefreshToken::first(id, now, random::bytes()));
    let access_lifetime = client.access_lifetime.unwrap_or(app.config.tokens.access_lifetime);
    let (idle_expires_at, expires_at) = ends(client, &app.refresh_policy(client), access_lifetime, now);
    let authenticated = beginning.authenticated;
    let session = Session {
        id,
        user_id: authenticated.user.id,
        client_id: client.id.clone(),
        scope: granted.scope.into_owned(),
        audience: granted.audience,
        generation: 1,
        current_hash: token.hash(),
        parent_hash: None,
        rotated_at: now,
        anchor: None,
        grant_type: beginning.grant.to_string(),
        amr: authenticated.amr.iter().map(|&method| method.to_owned()).collect(),
        created_at: now,
        auth_time: authenticated.at,
        last_used_at: now,
        idle_expires_at,
        expires_at,
        revoked: None,
        device: authenticated.device.clone(),
    };
    (session, token)
}

/// When a new session ends unused, and when it ends however much it is used. Without the refresh grant it ends with its only access token.
fn ends(client: &Client, policy: &RefreshPolicy, access_lifetime: Seconds, now: UnixTime) -> (UnixTime, UnixTime) {
    if client.may_use(Grant::RefreshToken) {
        (expiry(now, policy.idle_lifetime), expiry(now, policy.absolute_lifetime))
    } else {
        let end = now.saturating_add(access_lifetime);
        (end, end)
    }
}

/// What makes the next sign-in on this device one of a device that the user knows.
fn known_device(app: &App, authenticated: &Authenticated) -> Option<IssuedDevice> {
    let user_id = authenticated.user.id;
    let device = KnownDevice { user_id, device_id: authenticated.device_id?, issued_at: app.clock.now() };
    let token = app.device_keys.seal(&device)?;
    Some(IssuedDevice { user_id, token, lifetime: app.config.throttle.device_lifetime })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NEVER;
    use crate::domain::{ClientAuthentication, Grants, Recovery};

    #[test]
    fn a_session_lasts_as_the_client_may_refresh() {
        let policy = RefreshPolicy {
            rotation: true,
            reuse_window: 10,
            recovery: Recovery::On,
            idle_lifetime: 100,
            absolute_lifetime: 0,
        };
        let bare = Client::without_rights("c".parse().unwrap(), ClientAuthentication::Public, 0);
        assert_eq!(ends(&bare, &policy, 900, 1000), (1900, 1900));
        let refreshing = Client { grants: Grants::from([Grant::RefreshToken]), ..bare };
        assert_eq!(ends(&refreshing, &policy, 900, 1000), (1100, NEVER));
    }
}
