//! `grant_type=password`, RFC 6749 §4.3, and `/login`: for first-party clients only (RFC 9700 §2.4).

mod attempt;

use std::borrow::Cow;
use std::sync::Arc;

use uuid::Uuid;

use self::attempt::Guess;
use super::issue::{self, SignedInUser, Subject};
use super::{InvalidGrant, Issued, IssuedDevice, IssuedRefresh, Refusal, audience, scope, snapshot};
use crate::app::{App, Snapshot};
use crate::audit::{Actor, EventKind};
use crate::clock::{UnixTime, expiry};
use crate::domain::{Client, Device, Grant, PlainSecret, RequestContext, Scope, Session, SessionId, User, Username};
use crate::metrics;
use crate::password::{PlainPassword, StoredHash, Verification};
use crate::random;
use crate::store::StoreError;
use crate::store::sessions::DecidedOn;
use crate::store::users::Credentials;
use crate::token::device::KnownDevice;
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
    /// What earlier sign-ins on the same device were given, each of another user.
    pub device_tokens: Vec<String>,
    /// Who asks.
    pub request_context: &'a RequestContext,
}

/// A user whose password was right, and the device that it was typed on.
struct Verified {
    user: User,
    device_id: Uuid,
}

/// Signs a user in, and counts how that ended. `client` is authenticated.
pub async fn grant(app: &App, client: &Client, sign_in: SignIn<'_>) -> Result<Issued, Refusal> {
    let outcome = sign_in_on(app, client, sign_in).await;
    let counted = match &outcome {
        Ok(_) => Some(metrics::SignIn::Ok),
        Err(Refusal::InvalidGrant(_)) => Some(metrics::SignIn::Failed),
        Err(Refusal::Throttled { .. }) => Some(metrics::SignIn::Throttled),
        Err(Refusal::Busy { .. }) => Some(metrics::SignIn::Busy),
        Err(_) => None,
    };
    if let Some(ended) = counted {
        app.metrics.sign_ins.count(ended);
    }
    outcome
}

async fn sign_in_on(app: &App, client: &Client, sign_in: SignIn<'_>) -> Result<Issued, Refusal> {
    require_first_party(client)?;
    scope::requested(sign_in.scope, client)?;
    audience::requested(&sign_in.resources, &audience::allowed(client, &app.config))?;
    let Verified { user, device_id } = verify(app, &sign_in).await?;
    for _ in 0..ATTEMPTS {
        let registry = snapshot(app)?;
        let client = registry.client(client.id.as_str()).ok_or(InvalidGrant::Overtaken)?;
        require_first_party(client)?;
        if let Some(issued) = begin_session(app, &registry, client, &user, &sign_in).await? {
            return Ok(Issued { device: known_device(app, &user, device_id), ..issued });
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

/// The user whose name and password these are. Unknown, disabled and password-less users cost the same work, and count the
/// same when they fail.
async fn verify(app: &App, sign_in: &SignIn<'_>) -> Result<Verified, Refusal> {
    let too_long = |_| Refusal::InvalidRequest("The password is longer than 1024 bytes.");
    let password = PlainPassword::presented(sign_in.password).map_err(too_long)?;
    // Whoever can't be served asks nothing of the database.
    app.hasher.admits().map_err(|busy| Refusal::Busy { retry_after: busy.retry_after })?;
    let guess = Guess::new(app, sign_in.request_context, sign_in.username);
    let devices = guess.devices(&sign_in.device_tokens);
    // Whoever brings no device of ours is asked for its address before the database is.
    let mut ticket = if devices.is_empty() { guess.admit_source().await? } else { None };
    let found = match find(app, sign_in.username).await {
        Ok(found) => found,
        Err(error) => {
            attempt::refund(ticket);
            return Err(error.into());
        }
    };
    let known = found.as_ref().and_then(|found| known_among(&devices, found));
    if !devices.is_empty() && known.is_none() {
        ticket = guess.admit_source().await?;
    }
    let user = found.as_ref().map(|found| found.user.id);
    let attempt = guess.begin(user, known, ticket).await?;
    let user = match check(app, password, found).await {
        Ok(user) => user,
        Err(Refusal::InvalidGrant(reason)) => {
            drop(attempt);
            guess.record(EventKind::SignInFailed, &reason.to_string(), user).await;
            return Err(reason.into());
        }
        Err(refusal) => {
            attempt.withdraw().await;
            return Err(refusal);
        }
    };
    attempt.succeed().await;
    Ok(Verified { user, device_id: known.map_or_else(random::uuid, |device| device.device_id) })
}

async fn find(app: &App, username: &str) -> Result<Option<Credentials>, StoreError> {
    match username.parse::<Username>() {
        Ok(name) => app.store.users().find_credentials(&name).await,
        Err(_) => Ok(None),
    }
}

/// The device that the user knows; of several, the one that was used last.
fn known_among(devices: &[KnownDevice], found: &Credentials) -> Option<KnownDevice> {
    let knows = |device: &&KnownDevice| found.user.id == device.user_id && device.issued_at >= found.devices_known_from;
    devices.iter().filter(knows).max_by_key(|device| device.issued_at).copied()
}

async fn check(app: &App, password: PlainPassword, found: Option<Credentials>) -> Result<User, Refusal> {
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
                app.store.users().rehash_password(user.id, old.as_str(), new.as_str()).await?;
            }
            Ok(user)
        }
        _ => Err(InvalidGrant::WrongPassword.into()),
    }
}

/// What makes the next sign-in on this device one of a device that the user knows.
fn known_device(app: &App, user: &User, device_id: Uuid) -> Option<IssuedDevice> {
    let device = KnownDevice { user_id: user.id, device_id, issued_at: app.clock.now() };
    let token = app.device_keys.seal(&device)?;
    Some(IssuedDevice { user_id: user.id, token, lifetime: app.config.throttle.device_lifetime })
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
    let scope = scope::requested(sign_in.scope, client)?;
    let granted = audience::requested(&sign_in.resources, &audience::allowed(client, &app.config))?;
    let granted = audience::with_own_endpoints(granted, &scope, &sign_in.resources, app.config.issuer.as_str());
    let (session, token) = new_session(app, client, user, scope, granted, &sign_in.device, now);
    let session_ends_at = effective_expiry(session.life(), &app.refresh_policy(client));
    let subject = Subject {
        client,
        user: Some(SignedInUser::of(app, &session, user)),
        session_ends_at,
        scope: Cow::Borrowed(&session.scope),
        audience: session.audience.clone(),
    };
    let (access_token, expires_in) = issue::access_token(app, registry, subject, now)?;
    let decided_on = DecidedOn { credentials_version: user.credentials_version, client_version: client.version };
    let store = app.store.by(app.acting(Actor::User(user.id), sign_in.request_context));
    if !store.sessions().insert(&session, decided_on).await? {
        return Ok(None);
    }
    let lifetime = session_ends_at.saturating_sub(now);
    let refresh = client.may_use(Grant::RefreshToken).then_some(IssuedRefresh { token, lifetime, verdict: None });
    Ok(Some(Issued { access_token, expires_in, scope: session.scope, refresh, device: None }))
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
        grant_type: Grant::Password.to_string(),
        amr: vec!["pwd".to_owned()],
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
