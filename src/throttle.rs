//! Limits on failures. Knows addresses, names as digests and the time; nothing of HTTP, nothing of SQL.
//!
//! Sign-ins are counted *before* the password is hashed: reserved, then settled, so that guesses in parallel don't slip
//! through together. Two layers are in here, in memory: where a sign-in comes from ([`Sources`]), and the order in which
//! attempts on one account take turns ([`KeyedQueue`]). How often an account failed is in the database, which all nodes share
//! ([`AccountLimit`] says what follows from it). Client secrets and tokens ([`FailureLimiter`]) are counted after they have failed:
//! the right one is never refused.

mod account;
mod bounded;
mod bucket;
mod failure_limiter;
mod keyed_queue;
mod prefix;
mod sources;
#[cfg(test)]
mod tests;

pub use account::{AccountAttempts, AccountLimit, AttemptKeys};
pub use bucket::Limit;
pub use failure_limiter::FailureLimiter;
pub use keyed_queue::{AttemptKey, KeyedQueue, Turn};
pub use prefix::Prefix;
pub use sources::{AccountTag, Admission, SourceLimits, Sources, Ticket};

use std::net::IpAddr;
use std::sync::Arc;

use crate::clock::{Seconds, UnixTime};
use crate::domain::ClientId;
use crate::words::words;

/// Every limit. `config/tokend.toml` says what each is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One address, and one network, that signs in.
    pub sources: SourceLimits,
    /// One account, from devices that it doesn't know.
    pub account: AccountLimit,
    /// One account, from one device that it knows.
    pub device: AccountLimit,
    /// Wrong client secrets from one address.
    pub client_secrets: Limit,
    /// Refresh tokens that we never made, from one address.
    pub refresh_tokens: Limit,
    /// Tokens that we never made, asked about by one client.
    pub introspections: Limit,
}

/// What is counted in memory. Built once; `None` of it where throttling is turned off.
#[derive(Debug)]
pub struct Throttle {
    /// The limits in force.
    pub limits: Limits,
    /// Sign-ins, by where they come from.
    pub sources: Arc<Sources>,
    /// Sign-ins, one after the other on each account.
    pub accounts: Arc<KeyedQueue>,
    client_secrets: FailureLimiter<Prefix>,
    refresh_tokens: FailureLimiter<Prefix>,
    introspections: FailureLimiter<ClientId>,
}

words! {
    /// What failed too often, as the log and the audit trail call it.
    pub enum Failures {
        /// Sign-ins from one address or network.
        Address = "sign-ins from this address",
        /// Sign-ins to one account, from one device that it knows or from all others.
        Account = "sign-ins to this account",
        /// Client secrets from one address.
        ClientSecrets = "client secrets from this address",
        /// Refresh tokens from one address.
        RefreshTokens = "refresh tokens from this address",
        /// Introspections by one client.
        Introspections = "introspections of tokens that were never made",
    }
}

/// Refused: try again after so many seconds, 1 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// When it is worth trying again.
    pub retry_after: Seconds,
}

impl Throttle {
    /// Without any failure.
    pub fn new(limits: Limits) -> Self {
        Self {
            sources: Arc::new(Sources::new(limits.sources)),
            accounts: Arc::new(KeyedQueue::default()),
            client_secrets: FailureLimiter::new(limits.client_secrets),
            refresh_tokens: FailureLimiter::new(limits.refresh_tokens),
            introspections: FailureLimiter::new(limits.introspections),
            limits,
        }
    }

    /// Counts a wrong client secret. Refused when there were too many.
    pub fn wrong_client_secret(&self, from: IpAddr, now: UnixTime) -> Result<(), Throttled> {
        self.client_secrets.count(&prefix::widening(from), now)
    }

    /// Counts a refresh token that we never made. Refused when there were too many.
    pub fn forged_refresh_token(&self, from: IpAddr, now: UnixTime) -> Result<(), Throttled> {
        self.refresh_tokens.count(&prefix::widening(from), now)
    }

    /// Counts a question about a token that we never made. Refused when `client` asked too many.
    pub fn forged_introspection(&self, client: &ClientId, now: UnixTime) -> Result<(), Throttled> {
        self.introspections.count(std::slice::from_ref(client), now)
    }
}
