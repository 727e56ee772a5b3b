//! Sign-ins by where they come from: one address, and the network that it is in. Counted are failures, and the different
//! accounts that failed, since a person mistypes one password and a list of stolen ones tries many names.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Throttled;
use super::bounded::Bounded;
use super::bucket::{Bucket, Limit};
use super::prefix::{LEVELS, Prefix, widening};
use crate::clock::UnixTime;

/// The most addresses, networks, and wider blocks that are remembered; each takes some 120 bytes. Without room for another
/// address its network counts for it, and without room for another network the next wider block.
const CAPACITY: [usize; LEVELS] = [50_000, 20_000, 5_000, 1_000, 2];

/// How many accounts are remembered of a source. One that isn't among them counts as another.
const ACCOUNTS: usize = 8;

/// What one source may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLimits {
    /// Failures of one address: an IPv4 address, or 64 bits of IPv6.
    pub address_failures: Limit,
    /// Different accounts that failed from it.
    pub address_accounts: Limit,
    /// Failures of one network: 24 bits of IPv4, 56 of IPv6.
    pub network_failures: Limit,
    /// Different accounts that failed from it.
    pub network_accounts: Limit,
}

/// A digest of the account's name, enough to tell one from another.
pub type AccountTag = u32;

/// See the module.
#[derive(Debug)]
pub struct Sources {
    limits: SourceLimits,
    levels: Mutex<[Bounded<Prefix, Source>; LEVELS]>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct Source {
    failures: Bucket,
    accounts: Bucket,
    /// Sign-ins that may fail yet, and those of them on an account that would count as another.
    pending: u32,
    pending_accounts: u32,
    recent: [Option<AccountTag>; ACCOUNTS],
}

/// Whether a sign-in may go on.
#[derive(Debug)]
pub enum Admission {
    /// It may, and counts as failed unless it is settled otherwise.
    Admitted(Ticket),
    /// There is room only if one of those that are under way succeeds.
    Pending,
    /// It may not.
    Refused(Throttled),
}

/// A sign-in under way. Dropped without [`Self::refund`], it counts as failed.
#[derive(Debug)]
pub struct Ticket {
    sources: Arc<Sources>,
    places: [Option<Place>; 2],
    account: AccountTag,
    now: UnixTime,
    failed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    level: usize,
    prefix: Prefix,
    is_other_account: bool,
}

impl Sources {
    pub(super) fn new(limits: SourceLimits) -> Self {
        Self { limits, levels: Mutex::new(CAPACITY.map(Bounded::new)), settled: Notify::new() }
    }

    /// Asks for a sign-in to `account` from `from`. Where those under way decide whether there is room, waits for them, for
    /// `patience` at most.
    pub async fn admit(
        self: &Arc<Self>,
        from: IpAddr,
        account: AccountTag,
        now: UnixTime,
        patience: Duration,
    ) -> Admission {
        let decided = async {
            loop {
                let settled = self.settled.notified();
                tokio::pin!(settled);
                // From here on nothing that is settled goes unnoticed.
                settled.as_mut().enable();
                match self.try_admit(from, account, now) {
                    Admission::Pending => settled.await,
                    decided => return decided,
                }
            }
        };
        tokio::time::timeout(patience, decided).await.unwrap_or(Admission::Pending)
    }

    /// Decides for the narrowest block that there is room to remember, and for the network.
    fn try_admit(self: &Arc<Self>, from: IpAddr, account: AccountTag, now: UnixTime) -> Admission {
        let blocks = widening(from);
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let mut admits = |level: usize, prefix: &Prefix| {
            let (failures, accounts) = self.limits.at(level);
            levels
                .get_mut(level)
                .is_some_and(|map| map.admits(prefix, now, |source: &Source| source.is_idle(failures, accounts, now)))
        };
        let mut known = (0..).zip(blocks).filter(|(level, prefix)| admits(*level, prefix));
        let first = known.next();
        // The address and its network; without room for the address, what stands in for the network alone.
        let second = if first.is_some_and(|(level, _)| level == 0) { known.next() } else { None };
        let mut places = [None, None];
        for (place, (level, prefix)) in places.iter_mut().zip(first.into_iter().chain(second)) {
            let Some(source) = levels.get_mut(level).map(|map| map.entry(prefix)) else { continue };
            match source.verdict(self.limits.at(level), account, now) {
                Verdict::Room { is_other_account } => *place = Some(Place { level, prefix, is_other_account }),
                Verdict::Pending => return Admission::Pending,
                Verdict::Full(throttled) => return Admission::Refused(throttled),
            }
        }
        for place in places.iter().flatten() {
            if let Some(source) = levels.get_mut(place.level).map(|map| map.entry(place.prefix)) {
                source.pending += 1;
                source.pending_accounts += u32::from(place.is_other_account);
            }
        }
        Admission::Admitted(Ticket { sources: Arc::clone(self), places, account, now, failed: true })
    }

    fn settle(&self, ticket: &Ticket) {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        for place in ticket.places.iter().flatten() {
            let Some(source) = levels.get_mut(place.level).and_then(|map| map.get_mut(&place.prefix)) else { continue };
            source.pending = source.pending.saturating_sub(1);
            source.pending_accounts = source.pending_accounts.saturating_sub(u32::from(place.is_other_account));
            if ticket.failed {
                source.fail(self.limits.at(place.level), ticket.account, ticket.now);
            }
        }
        drop(levels);
        self.settled.notify_waiters();
    }
}

impl SourceLimits {
    fn at(&self, level: usize) -> (Limit, Limit) {
        match level {
            0 => (self.address_failures, self.address_accounts),
            _ => (self.network_failures, self.network_accounts),
        }
    }
}

enum Verdict {
    Room { is_other_account: bool },
    Pending,
    Full(Throttled),
}

impl Source {
    fn is_idle(&self, failures: Limit, accounts: Limit, now: UnixTime) -> bool {
        self.pending == 0 && self.failures.is_empty(failures, now) && self.accounts.is_empty(accounts, now)
    }

    fn verdict(&self, (failures, accounts): (Limit, Limit), account: AccountTag, now: UnixTime) -> Verdict {
        let is_other_account = !self.recent.contains(&Some(account));
        let full = |bucket: Bucket, limit: Limit| {
            let retry_after = bucket.retry_after(limit, now);
            (!bucket.has_room(limit, 1, now)).then_some(Verdict::Full(Throttled { retry_after }))
        };
        if let Some(full) = full(self.failures, failures) {
            return full;
        }
        if is_other_account && let Some(full) = full(self.accounts, accounts) {
            return full;
        }
        let fits = self.failures.has_room(failures, self.pending.saturating_add(1), now)
            && (!is_other_account || self.accounts.has_room(accounts, self.pending_accounts.saturating_add(1), now));
        if fits { Verdict::Room { is_other_account } } else { Verdict::Pending }
    }

    fn fail(&mut self, (failures, accounts): (Limit, Limit), account: AccountTag, now: UnixTime) {
        self.failures.count(failures, now);
        if !self.recent.contains(&Some(account)) {
            self.accounts.count(accounts, now);
            self.recent.rotate_right(1);
            if let Some(first) = self.recent.first_mut() {
                *first = Some(account);
            }
        }
    }
}

impl Ticket {
    /// The sign-in did not fail: the password was right, or wasn't checked.
    pub fn refund(mut self) {
        self.failed = false;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.sources.settle(self);
    }
}

#[cfg(test)]
impl Sources {
    /// How many blocks are remembered, by level.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.levels.lock().unwrap().iter().map(Bounded::len).collect()
    }
}
