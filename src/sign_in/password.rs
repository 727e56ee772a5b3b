//! By a password. Unknown, disabled and password-less users cost the same work, and count the same when they fail.

use super::Authenticated;
use super::attempt::SignInAttempt;
use crate::app::App;
use crate::clock::{Seconds, UnixTime};
use crate::domain::{ClientId, Device, RequestContext, User, Username};
use crate::oauth::params::InvalidParameters;
use crate::oauth::{InvalidGrant, Params, Refusal};
use crate::password::{PlainPassword, StoredHash, Verification};
use crate::random;
use crate::store::StoreError;
use crate::store::users::Credentials;
use crate::token::device::{DeviceKeys, KnownDevice};

/// The longest name that an app may give a device, in characters.
const MAX_DEVICE_NAME: usize = 128;

/// A name and a password as they were typed.
pub struct TypedPassword<'a> {
    /// The name.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// Where they were typed.
    pub device: Device,
    /// What earlier sign-ins on the same device were given, each of another user.
    pub device_tokens: Vec<String>,
    /// Where the request comes from.
    pub request_context: &'a RequestContext,
}

impl<'a> TypedPassword<'a> {
    /// Reads the parameters of a request.
    pub fn read(params: &'a Params, request_context: &'a RequestContext) -> Result<Self, InvalidParameters> {
        Ok(Self {
            username: params.require("username", "The username is missing.")?,
            password: params.require("password", "The password is missing.")?,
            device: device(params, request_context)?,
            device_tokens: params.word("device_token")?.map(str::to_owned).into_iter().collect(),
            request_context,
        })
    }

    /// With the device tokens of cookies, unless the body has one.
    #[must_use]
    pub fn or_device_tokens(self, device_cookies: Vec<String>) -> Self {
        let device_tokens = if self.device_tokens.is_empty() { device_cookies } else { self.device_tokens };
        Self { device_tokens, ..self }
    }
}

fn device(params: &Params, request_context: &RequestContext) -> Result<Device, InvalidParameters> {
    let name = params.get("device_name")?.map(str::trim).filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.chars().count() > MAX_DEVICE_NAME || name.chars().any(char::is_control)) {
        let description = "The device_name is longer than 128 characters or has control characters.";
        return Err(InvalidParameters(description.into()));
    }
    Ok(Device {
        name: name.map(str::to_owned),
        user_agent: request_context.user_agent.as_deref().map(str::to_owned),
        ip: Some(request_context.address.to_string()),
    })
}

/// The user whose name and password these are, typed into an app of `client`.
pub async fn authenticate(app: &App, client: &ClientId, typed: TypedPassword<'_>) -> Result<Authenticated, Refusal> {
    let too_long = |_| InvalidParameters("The password is longer than 1024 bytes.".into());
    let password = PlainPassword::presented(typed.password).map_err(too_long)?;
    // An overloaded server asks nothing of the database.
    app.hasher.admits().map_err(|busy| Refusal::Busy { retry_after: busy.retry_after })?;
    let mut attempt = SignInAttempt::new(app, client, typed.request_context, typed.username);
    let outcome = verify(app, &mut attempt, password, typed).await;
    attempt.settle(&outcome).await;
    outcome
}

/// However this ends, the attempt is settled by what it returns.
async fn verify(
    app: &App,
    attempt: &mut SignInAttempt<'_>,
    password: PlainPassword,
    typed: TypedPassword<'_>,
) -> Result<Authenticated, Refusal> {
    let lifetime = app.config.throttle.device_lifetime;
    let devices = young(&app.device_keys, &typed.device_tokens, app.clock.now(), lifetime);
    // Without a device of ours the address is asked for before the database is.
    if devices.is_empty() {
        attempt.admit_source().await?;
    }
    let found = find(app, typed.username).await?;
    attempt.is_of(found.as_ref().map(|found| found.user.id));
    let known = found.as_ref().and_then(|found| known_among(&devices, found));
    if !devices.is_empty() && known.is_none() {
        attempt.admit_source().await?;
    }
    attempt.reserve(known).await?;
    let user = check(app, password, found).await?;
    let device_id = known.map_or_else(random::uuid, |device| device.device_id);
    Ok(Authenticated { user, at: app.clock.now(), amr: &["pwd"], device: typed.device, device_id: Some(device_id) })
}

async fn find(app: &App, username: &str) -> Result<Option<Credentials>, StoreError> {
    match username.parse::<Username>() {
        Ok(name) => app.store.users().find_credentials(&name).await,
        Err(_) => Ok(None),
    }
}

/// The devices that `tokens` name, without those whose last sign-in is `lifetime` ago.
fn young(keys: &DeviceKeys, tokens: &[String], now: UnixTime, lifetime: Seconds) -> Vec<KnownDevice> {
    let is_young = |device: &KnownDevice| now.saturating_sub(device.issued_at) < lifetime;
    tokens.iter().filter_map(|token| keys.open(token)).filter(is_young).collect()
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
    let Credentials { user, password_hash, .. } = found.ok_or(InvalidGrant::UnknownUser)?;
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
        _ if password_hash.is_none() => Err(InvalidGrant::NoPassword.into()),
        _ => Err(InvalidGrant::WrongPassword.into()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Profile, UserId};

    const ALICE: UserId = UserId(Uuid::from_u128(1));

    fn device(user: u128, id: u128, issued_at: UnixTime) -> KnownDevice {
        KnownDevice { user_id: UserId(Uuid::from_u128(user)), device_id: Uuid::from_u128(id), issued_at }
    }

    fn alice(devices_known_from: UnixTime) -> Credentials {
        let user = User {
            id: ALICE,
            username: "alice".parse().unwrap(),
            profile: Profile::default(),
            credentials_version: 1,
            created_at: 0,
            disabled_at: None,
        };
        Credentials { user, password_hash: None, devices_known_from }
    }

    #[test]
    fn of_several_devices_the_user_knows_the_one_that_was_used_last() {
        let devices = [device(1, 10, 100), device(1, 11, 300), device(2, 12, 400)];
        assert_eq!(known_among(&devices, &alice(0)), Some(devices[1]));
        assert_eq!(known_among(&devices[2..], &alice(0)), None, "another user's");
        assert_eq!(known_among(&devices, &alice(301)), None, "forgotten");
        assert_eq!(known_among(&devices, &alice(300)), Some(devices[1]));
    }

    #[test]
    fn a_device_is_known_for_its_lifetime() {
        let keys = DeviceKeys::new([&[1; 32]]);
        let token = keys.seal(&device(1, 10, 100)).unwrap().reveal().to_owned();
        let tokens = [token, "tkd_garbage".to_owned()];
        assert_eq!(young(&keys, &tokens, 199, 100), [device(1, 10, 100)]);
        assert_eq!(young(&keys, &tokens, 200, 100), []);
    }
}
