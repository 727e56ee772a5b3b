//! An attempt at a password: counted as failed before anything is hashed, and taken back when it was none.

use uuid::Uuid;

use super::super::Refusal;
use crate::app::App;
use crate::audit::{Actor, EventKind};
use crate::domain::{RequestContext, UserId, Username};
use crate::throttle::{AccountLimit, AccountTag, Admission, AttemptKey, Failures, Throttle, Throttled, Ticket, Turn};
use crate::token::device::KnownDevice;

/// How soon somebody may come back who didn't get a turn, in seconds.
const NO_TURN: i64 = 1;

/// Somebody who says that they are a user.
#[derive(Clone, Copy)]
pub(super) struct Guess<'a> {
    app: &'a App,
    request_context: &'a RequestContext,
    account: AttemptKey,
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

impl<'a> Guess<'a> {
    /// Counted under the same key for all spellings of a name, and for names that nobody has.
    pub(super) fn new(app: &'a App, request_context: &'a RequestContext, typed: &str) -> Self {
        let name = typed.parse::<Username>();
        let name = name.as_ref().map_or(typed, Username::as_str);
        Self { app, request_context, account: app.attempt_keys.of("account", name.as_bytes()) }
    }

    /// The devices that `tokens` speak of and that are young enough to be believed.
    pub(super) fn devices(&self, tokens: &[String]) -> Vec<KnownDevice> {
        let now = self.app.clock.now();
        let is_young =
            |device: &KnownDevice| now.saturating_sub(device.issued_at) < self.app.config.throttle.device_lifetime;
        tokens.iter().filter_map(|token| self.app.device_keys.open(token)).filter(is_young).collect()
    }

    /// Asks for the address and the network, which costs the database nothing. Nothing to ask where throttling is off.
    pub(super) async fn admit_source(&self) -> Result<Option<Ticket>, Refusal> {
        let Some(throttle) = &self.app.throttle else { return Ok(None) };
        let (now, patience) = (self.app.clock.now(), self.app.config.passwords.queue);
        let [a, b, c, d, ..] = self.account;
        let account = AccountTag::from_be_bytes([a, b, c, d]);
        match throttle.sources.admit(self.request_context.address, account, now, patience).await {
            Admission::Admitted(ticket) => Ok(Some(ticket)),
            Admission::Refused(refused) => Err(self.refuse(Failures::Address, refused, None).await),
            Admission::Pending => Err(Refusal::Busy { retry_after: NO_TURN }),
        }
    }

    /// Counts an attempt on the account of `user`, or on the `device` that it knows.
    pub(super) async fn begin(
        &self,
        user: Option<UserId>,
        device: Option<KnownDevice>,
        ticket: Option<Ticket>,
    ) -> Result<Attempt<'a>, Refusal> {
        let app = self.app;
        let Some(throttle) = &app.throttle else { return Ok(Attempt { app, counted: None }) };
        let (key, limit) = match device {
            Some(device) => (device_key(app, device.device_id), throttle.limits.device),
            None => (self.account, throttle.limits.account),
        };
        match self.reserve(throttle, key, limit, user).await {
            Ok(turn) => {
                let counted = Counted { ticket, key, limit, is_device: device.is_some(), _turn: turn };
                Ok(Attempt { app, counted: Some(counted) })
            }
            Err(refusal) => {
                refund(ticket);
                Err(refusal)
            }
        }
    }

    async fn reserve(
        &self,
        throttle: &Throttle,
        key: AttemptKey,
        limit: AccountLimit,
        user: Option<UserId>,
    ) -> Result<Turn, Refusal> {
        let turn = throttle.turns.wait(key, self.app.config.passwords.queue).await;
        let mut turn = turn.ok_or(Refusal::Busy { retry_after: NO_TURN })?;
        let now = self.app.clock.now();
        let refused = if turn.refused_until() > now {
            Throttled { retry_after: turn.refused_until() - now }
        } else {
            match self.app.store.sign_in_attempts().reserve(&key, limit, now).await? {
                Ok(()) => return Ok(turn),
                Err(attempts) => limit.admits(attempts, now).err().unwrap_or(Throttled { retry_after: 1 }),
            }
        };
        turn.refuse_until(now.saturating_add(refused.retry_after));
        drop(turn);
        Err(self.refuse(Failures::Account, refused, user).await)
    }

    async fn refuse(&self, what: Failures, refused: Throttled, user: Option<UserId>) -> Refusal {
        self.record(EventKind::Throttled, what.as_str(), user).await;
        Refusal::throttled(self.app, what, refused)
    }

    /// Tells the audit trail. A name that nobody has is told as its digest: it may be a password, typed into the wrong field.
    pub(super) async fn record(&self, kind: EventKind, reason: &str, user: Option<UserId>) {
        let event = self.app.acting(Actor::Stranger, self.request_context).event(kind).because(reason);
        let event = match user {
            Some(user) => event.user(user),
            None => event.of(format!("name:{:032x}", u128::from_be_bytes(self.account))),
        };
        self.app.record_failure(event).await;
    }
}

impl Attempt<'_> {
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
            store.sign_in_attempts().clear(&key).await
        } else {
            store.sign_in_attempts().refund(&key, limit, self.app.clock.now()).await
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a sign-in that did not fail stays counted as one that did");
        }
        refund(ticket);
    }
}

/// Nobody has looked at the password, so it wasn't wrong; or it was right.
pub(super) fn refund(ticket: Option<Ticket>) {
    if let Some(ticket) = ticket {
        ticket.refund();
    }
}

fn device_key(app: &App, device: Uuid) -> AttemptKey {
    app.attempt_keys.of("device", device.as_bytes())
}
