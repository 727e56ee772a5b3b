//! The throttling of one sign-in. It is counted as failed before anything is hashed, and settled once, by how the sign-in ended.

use uuid::Uuid;

use crate::app::App;
use crate::audit::{Actor, EventKind};
use crate::domain::{ClientId, RequestContext, UserId, Username};
use crate::oauth::Refusal;
use crate::throttle::{AccountLimit, AccountTag, Admission, AttemptKey, Failures, Throttle, Throttled, Ticket, Turn};
use crate::token::device::KnownDevice;

/// When to come back without a turn, in seconds.
const NO_TURN: i64 = 1;

/// What has been counted for one sign-in. Dropped without [`Self::settle`], as when the client goes away, it stays counted as failed.
pub(super) struct SignInAttempt<'a> {
    app: &'a App,
    request_context: &'a RequestContext,
    client: &'a ClientId,
    account: AttemptKey,
    user: Option<UserId>,
    /// By the address and its network. Known devices have none: they are counted by themselves, wherever they are.
    source: Option<Ticket>,
    /// In the database.
    reserved: Option<Reserved>,
}

struct Reserved {
    key: AttemptKey,
    limit: AccountLimit,
    is_device: bool,
    /// Held until it is settled: the next attempt on this account sees what became of it.
    _turn: Turn,
}

/// How an attempt is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settlement {
    /// The password was right. A known device starts anew; for any other, what others failed stays.
    Succeeded,
    /// The password was wrong.
    Failed,
    /// The password wasn't checked.
    Withdrawn,
}

impl Settlement {
    fn of<T>(outcome: &Result<T, Refusal>) -> Self {
        match outcome {
            Ok(_) => Self::Succeeded,
            Err(Refusal::InvalidGrant(_)) => Self::Failed,
            Err(_) => Self::Withdrawn,
        }
    }
}

impl<'a> SignInAttempt<'a> {
    /// Nothing is counted yet. All spellings of a name are one account. Unknown names are accounts too.
    pub(super) fn new(
        app: &'a App,
        client: &'a ClientId,
        request_context: &'a RequestContext,
        typed_name: &str,
    ) -> Self {
        let name = typed_name.parse::<Username>();
        let name = name.as_ref().map_or(typed_name, Username::as_str);
        let account = app.attempt_keys.of("account", name.as_bytes());
        Self { app, request_context, client, account, user: None, source: None, reserved: None }
    }

    /// Says whose account it is, for the audit trail.
    pub(super) fn is_of(&mut self, user: Option<UserId>) {
        self.user = user;
    }

    /// Counts it for the address and the network, without the database. Nothing to count where throttling is off.
    pub(super) async fn admit_source(&mut self) -> Result<(), Refusal> {
        let Some(throttle) = &self.app.throttle else { return Ok(()) };
        let (now, patience) = (self.app.clock.now(), self.app.config.passwords.queue);
        let [a, b, c, d, ..] = self.account;
        let account = AccountTag::from_be_bytes([a, b, c, d]);
        match throttle.sources.admit(self.request_context.address, account, now, patience).await {
            Admission::Admitted(ticket) => {
                self.source = Some(ticket);
                Ok(())
            }
            Admission::Refused(refused) => Err(self.refuse(Failures::Address, refused).await),
            Admission::Pending => Err(Refusal::Busy { retry_after: NO_TURN }),
        }
    }

    /// Counts it for the account, or for the `device` that the user knows.
    pub(super) async fn reserve(&mut self, device: Option<KnownDevice>) -> Result<(), Refusal> {
        let Some(throttle) = &self.app.throttle else { return Ok(()) };
        let (key, limit) = match device {
            Some(device) => (device_key(self.app, device.device_id), throttle.limits.device),
            None => (self.account, throttle.limits.account),
        };
        let turn = self.reserve_by(throttle, key, limit).await?;
        self.reserved = Some(Reserved { key, limit, is_device: device.is_some(), _turn: turn });
        Ok(())
    }

    async fn reserve_by(&self, throttle: &Throttle, key: AttemptKey, limit: AccountLimit) -> Result<Turn, Refusal> {
        let turn = throttle.accounts.wait(key, self.app.config.passwords.queue).await;
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
        Err(self.refuse(Failures::Account, refused).await)
    }

    /// Settles all that was counted by how the sign-in ended.
    pub(super) async fn settle<T>(mut self, outcome: &Result<T, Refusal>) {
        let settlement = Settlement::of(outcome);
        if let (Settlement::Failed, Err(reason)) = (settlement, outcome) {
            // Counted first, then recorded.
            drop((self.source.take(), self.reserved.take()));
            return self.record(EventKind::SignInFailed, &reason.to_string()).await;
        }
        if let Some(Reserved { key, limit, is_device, _turn }) = self.reserved.take() {
            let store = &self.app.store;
            let done = if settlement == Settlement::Succeeded && is_device {
                store.sign_in_attempts().clear(&key).await
            } else {
                store.sign_in_attempts().refund(&key, limit, self.app.clock.now()).await
            };
            if let Err(error) = done {
                let user = self.user.map(|user| user.to_string());
                tracing::warn!(
                    %error, client = %self.client, user,
                    "could not refund a sign-in attempt; the account stays throttled until it expires"
                );
            }
        }
        if let Some(ticket) = self.source.take() {
            ticket.refund();
        }
    }

    async fn refuse(&self, what: Failures, refused: Throttled) -> Refusal {
        self.record(EventKind::Throttled, what.as_str()).await;
        Refusal::throttled(self.app, what, refused)
    }

    /// An unknown name is recorded as its digest: it may be a password that was typed into the wrong field.
    async fn record(&self, kind: EventKind, reason: &str) {
        let user = self.user.map(|user| user.to_string());
        tracing::info!(client = %self.client, user, reason, "a sign-in was refused");
        let event = self.app.acting(Actor::Stranger, self.request_context).event(kind).because(reason);
        let event = event.client(self.client);
        let event = match self.user {
            Some(user) => event.user(user),
            None => event.of(format!("name:{:032x}", u128::from_be_bytes(self.account))),
        };
        self.app.record_failure(event).await;
    }
}

fn device_key(app: &App, device: Uuid) -> AttemptKey {
    app.attempt_keys.of("device", device.as_bytes())
}

#[cfg(test)]
mod tests;
