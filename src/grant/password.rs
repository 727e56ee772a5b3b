//! `grant_type=password`, RFC 6749 §4.3, and `/login`: for first-party clients only (RFC 9700 §2.4).

use std::sync::Arc;

use super::issue::{self, Subject};
use super::{InvalidGrant, Issued, IssuedRefresh, Refusal, audience, requested_scope, snapshot};
use crate::app::{App, Snapshot};
use crate::clock::{UnixTime, expiry};
use crate::domain::{Client, Device, Grant, PlainSecret, Scope, Session, SessionId, User, Username};
use crate::password::{PlainPassword, StoredHash, Verification};
use crate::random;
use crate::store::sessions::DecidedOn;
use crate::token::judge::effective_expiry;
use crate::token::refresh::RefreshToken;

/// How often a sign-in is decided again when the client is changed under it.
const ATTEMPTS: usize = 3;

/// A sign-in.
pub struct SignIn<'a> {
    /// The name as it was typed.
    pub username: &'a str,
    /// The password as it was typed.
    pub password: &'a str,
    /// The scope that is asked for.
    pub scope: Option<&'a str>,
    /// The resources that are asked for.
    pub resources: Vec<&'a str>,
    /// Where it comes from.
    pub device: Device,
}

/// Signs a user in. `client` is authenticated.
pub async fn grant(app: &App, client: &Client, sign_in: SignIn<'_>) -> Result<Issued, Refusal> {
    require_first_party(client)?;
    requested_scope(sign_in.scope, client)?;
    audience::requested(&sign_in.resources, &audience::allowed(client, &app.config))?;
    let user = verify(app, sign_in.username, sign_in.password).await?;
    for _ in 0..ATTEMPTS {
        let registry = snapshot(app)?;
        let client = registry.client(client.id.as_str()).ok_or(InvalidGrant::Overtaken)?;
        require_first_party(client)?;
        if let Some(issued) = begin_session(app, &registry, client, &user, &sign_in).await? {
            return Ok(issued);
        }
        // The registration may have changed since this node last looked.
        app.registry.refresh().await.map_err(|error| Refusal::Unavailable(error.to_string()))?;
    }
    Err(InvalidGrant::Overtaken.into())
}

fn require_first_party(client: &Client) -> Result<(), Refusal> {
    if !client.may_use(Grant::Password) || !client.first_party {
        return Err(Refusal::UnauthorizedClient("the client may not use passwords"));
    }
    Ok(())
}

/// The user whose name and password these are. Unknown, disabled and password-less users cost the same work.
async fn verify(app: &App, username: &str, password: &str) -> Result<User, Refusal> {
    let too_long = |_| Refusal::InvalidRequest("The password is longer than 1024 bytes.");
    let password = PlainPassword::presented(password).map_err(too_long)?;
    let found = match username.parse::<Username>() {
        Ok(name) => app.store.find_credentials(&name).await?,
        Err(_) => None,
    };
    let stored = found.as_ref().filter(|found| found.user.disabled_at.is_none());
    let stored = stored.and_then(|found| StoredHash::from_stored(found.password_hash.as_deref()?));
    let verification = app.hasher.verify(password, stored.clone()).await;
    let verification = verification.map_err(|busy| Refusal::Busy { retry_after: busy.retry_after })?;
    let user = found.ok_or(InvalidGrant::UnknownUser)?.user;
    if user.disabled_at.is_some() {
        return Err(InvalidGrant::UserDisabled.into());
    }
    match (verification, stored) {
        (Verification::Right { rehash }, Some(old)) => {
            if let Some(new) = rehash {
                app.store.rehash_password(user.id, old.as_str(), new.as_str()).await?;
            }
            Ok(user)
        }
        _ => Err(InvalidGrant::WrongPassword.into()),
    }
}

/// Stores the session and issues its tokens. `None` when the user or the client changed since they were read.
async fn begin_session(
    app: &App,
    registry: &Snapshot,
    client: &Arc<Client>,
    user: &User,
    sign_in: &SignIn<'_>,
) -> Result<Option<Issued>, Refusal> {
    let now = app.clock.now();
    let scope = requested_scope(sign_in.scope, client)?;
    let granted = audience::requested(&sign_in.resources, &audience::allowed(client, &app.config))?;
    let granted = audience::with_own_endpoints(granted, &scope, &sign_in.resources, app.config.issuer.as_str());
    let (session, token) = new_session(app, client, user, scope, granted, &sign_in.device, now);
    let session_ends_at = effective_expiry(&session, &app.refresh_policy(client));
    let subject = Subject {
        client,
        signed_in: Some((&session, user)),
        session_ends_at,
        scope: &session.scope,
        audience: session.audience.clone(),
    };
    let (access_token, expires_in) = issue::access_token(app, registry, subject, now)?;
    let decided_on = DecidedOn { credentials_version: user.credentials_version, client_version: client.version };
    if !app.store.insert_session(&session, decided_on).await? {
        return Ok(None);
    }
    let lifetime = session_ends_at.saturating_sub(now);
    let refresh = client.may_use(Grant::RefreshToken).then_some(IssuedRefresh { token, lifetime, verdict: None });
    Ok(Some(Issued { access_token, expires_in, scope: session.scope, refresh }))
}

/// A session and its first refresh token. Without the refresh grant that token stays here, and the session ends with
/// its only access token.
fn new_session(
    app: &App,
    client: &Client,
    user: &User,
    scope: Scope,
    audience: Vec<String>,
    device: &Device,
    now: UnixTime,
) -> (Session, PlainSecret) {
    let id = SessionId::generate(now);
    let token = app.refresh_keys.seal(&RefreshToken::first(id, now, random::bytes()));
    let policy = app.refresh_policy(client);
    let only_access = now.saturating_add(client.access_lifetime.unwrap_or(app.config.tokens.access_lifetime));
    let refreshes = client.may_use(Grant::RefreshToken);
    let session = Session {
        id,
        user_id: user.id,
        client_id: client.id.clone(),
        scope,
        audience,
        generation: 1,
        current_hash: token.hash(),
        parent_hash: None,
        rotated_at: now,
        anchor: None,
        created_at: now,
        auth_time: now,
        last_used_at: now,
        idle_expires_at: if refreshes { expiry(now, policy.idle_lifetime) } else { only_access },
        expires_at: if refreshes { expiry(now, policy.absolute_lifetime) } else { only_access },
        revoked: None,
        device: device.clone(),
    };
    (session, token)
}
