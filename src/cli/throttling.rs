//! The limits of `[throttle]` as `tokend check` shows them: how many guesses they allow.

use std::time::Duration;

use crate::clock::{Seconds, length_for_people};
use crate::config::Throttling;
use crate::throttle::{AccountLimit, Limit};

const DAY: u64 = 86_400;

/// A line for each kind of failure.
pub fn amount_to(throttling: &Throttling) -> String {
    if !throttling.enabled {
        return "throttling     off: passwords can be guessed as fast as they can be hashed\n".to_owned();
    }
    let limits = &throttling.limits;
    let sources = &limits.sources;
    let account = |of: &str, limit: AccountLimit| {
        let AccountLimit { free, delay, longest } = limit;
        format!(
            "{of}: {free} wrong passwords, then waits of {} to {}: at most {} guesses in the first day",
            length(delay),
            length(longest),
            limit.guesses_a_day(),
        )
    };
    let source = |of: &str, failures: Limit, accounts: Limit| {
        format!("{of}: {} wrong sign-ins, {} different accounts among them", rate(failures), rate(accounts))
    };
    let lines = [
        account("one account, from all devices that it doesn't know", limits.account),
        account("one account, from one device that it knows", limits.device),
        source("one address", sources.address_failures, sources.address_accounts),
        source("one network", sources.network_failures, sources.network_accounts),
        format!("one address: {} wrong client secrets", rate(limits.client_secrets)),
        format!("one address: {} forged refresh tokens", rate(limits.refresh_tokens)),
        format!("one client: {} introspections of forged tokens", rate(limits.introspections)),
    ];
    let labels = std::iter::once("throttling").chain(std::iter::repeat(""));
    labels.zip(lines).map(|(label, line)| format!("{label:<15}{line}\n")).collect()
}

/// Such as `20 at once and 480 a day`.
fn rate(limit: Limit) -> String {
    let a_day = u64::from(limit.count).saturating_mul(DAY) / limit.window.unsigned_abs().max(1);
    format!("{} at once and {a_day} a day", limit.count)
}

fn length(seconds: Seconds) -> String {
    length_for_people(Duration::from_secs(seconds.unsigned_abs()))
}
