//! An attempt at a password: counted as failed before anything is hashed, and taken back when it was none.

use std::net::IpAddr;

use uuid::Uuid;

use super::super::Refusal;
use crate::app::App;
use crate::clock::UnixTime;
use crate::domain::Username;
use crate::throttle::{AccountLimit, AccountTag, Admission, AttemptKey, Throttle, Throttled, Ticket, Turn};
use crate::token::device::KnownDevice;

/// How soon somebody may come back who didn't get a turn, in seconds.
const NO_TURN: i64 = 1;

/// What a sign-in to an account is counted under.
#[derive(Clone, Copy)]
pub(super) struct Account {
    key: AttemptKey,
}

impl Account {
    /// The same for all spellings of a name, and for names that nobody has.
    pub(super) fn of(app: &App, typed: &str) -> Self {
        let name = typed.parse::<Username>();
        let name = name.as_ref().map_or(typed, Username::as_str);
        Self { key: app.attempt_keys.of("account", name.as_bytes()) }
    }

    fn tag(self) -> AccountTag {
        let [a, b, c, d, ..] = self.key;
        AccountTag::from_be_bytes([a, b, c, d])
    }
}

/// An attempt that has been counted. It has failed unless it is settled otherwise, whoever goes away meanwhile.
pub(super) struct Attempt<'a> {
    app: &'a App,
    counted: Option<Counted>,
}

struct Counted {
    /// Devices that are known are counted by themselves, wherever they are.
    ticket: Option<Ticket>,
    key: AttemptKey,
    limit: AccountLimit,
    is_device: bool,
    /// Held until it is settled: the next one on this account sees what became of it.
    _turn: Turn,
}

/// Asks for the address and the network, which costs the database nothing. Nothing to ask where throttling is off.
pub(super) async fn admit_source(app: &App, account: Account, from: IpAddr) -> Result<Option<Ticket>, Refusal> {
    let Some(throttle) = &app.throttle else { return Ok(None) };
    let (now, patience) = (app.clock.now(), app.config.passwords.queue);
    match throttle.sources.admit(from, account.tag(), now, patience).await {
        Admission::Admitted(ticket) => Ok(Some(ticket)),
        Admission::Refused(throttled) => Err(Refusal::throttled("sign-ins from this address or network", throttled)),
        Admission::Pending => Err(Refusal::Busy { retry_after: NO_TURN }),
    }
}

impl<'a> Attempt<'a> {
    /// Counts an attempt on `account`, or on the `device` that is known.
    pub(super) async fn begin(
        app: &'a App,
        account: Account,
        device: Option<KnownDevice>,
        ticket: Option<Ticket>,
    ) -> Result<Self, Refusal> {
        let Some(throttle) = &app.throttle else { return Ok(Self { app, counted: None }) };
        let (key, limit) = match device {
            Some(device) => (device_key(app, device.device_id), throttle.limits.device),
            None => (account.key, throttle.limits.account),
        };
        match reserve(app, throttle, key, limit).await {
            Ok(turn) => {
                let counted = Counted { ticket, key, limit, is_device: device.is_some(), _turn: turn };
                Ok(Self { app, counted: Some(counted) })
            }
            Err(refusal) => {
                // Nobody has looked at the password, so it wasn't wrong.
                if let Some(ticket) = ticket {
                    ticket.refund();
                }
                Err(refusal)
            }
        }
    }

    /// The password was right. Its device starts anew; for any other, what others failed stays.
    pub(super) async fn succeed(self) {
        let starts_anew = self.counted.as_ref().is_some_and(|counted| counted.is_device);
        self.take_back(starts_anew).await;
    }

    /// Nobody looked at the password.
    pub(super) async fn withdraw(self) {
        self.take_back(false).await;
    }

    async fn take_back(self, and_all_before: bool) {
        let Some(Counted { ticket, key, limit, _turn, .. }) = self.counted else { return };
        let store = &self.app.store;
        let done = if and_all_before {
            store.clear_attempts(&key).await
        } else {
            store.refund_attempt(&key, limit, self.app.clock.now()).await
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a sign-in that did not fail stays counted as one that did");
        }
        if let Some(ticket) = ticket {
            ticket.refund();
        }
    }
}

async fn reserve(app: &App, throttle: &Throttle, key: AttemptKey, limit: AccountLimit) -> Result<Turn, Refusal> {
    let turn = throttle.turns.wait(key, app.config.passwords.queue).await;
    let mut turn = turn.ok_or(Refusal::Busy { retry_after: NO_TURN })?;
    let now = app.clock.now();
    if turn.refused_until() > now {
        return Err(Refusal::throttled(
            "sign-ins to this account",
            Throttled { retry_after: turn.refused_until() - now },
        ));
    }
    match app.store.reserve_attempt(&key, limit, now).await? {
        Ok(()) => Ok(turn),
        Err(attempts) => {
            let throttled = limit.admits(attempts, now).err().unwrap_or(Throttled { retry_after: 1 });
            turn.refuse_until(now.saturating_add(throttled.retry_after));
            Err(Refusal::throttled("sign-ins to this account", throttled))
        }
    }
}

fn device_key(app: &App, device: Uuid) -> AttemptKey {
    app.attempt_keys.of("device", device.as_bytes())
}

/// Whether a device token is young enough to be believed.
pub(super) fn is_fresh(app: &App, device: &KnownDevice, now: UnixTime) -> bool {
    now.saturating_sub(device.issued_at) < app.config.throttle.device_lifetime
}
