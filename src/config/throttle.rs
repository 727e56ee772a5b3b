//! The section `[throttle]` with its bounds.

use std::time::Duration;

use super::Throttling;
use super::bounds::DAY;
use super::settings::Settings;
use crate::clock::{Seconds, length_for_people, parse_length};
use crate::throttle::{AccountLimit, Limit, Limits, SourceLimits};

/// The highest limit. `throttle.enabled` turns throttling off.
const MAX_COUNT: u32 = 1_000_000;

pub(super) fn section(settings: &mut Settings) -> Option<Throttling> {
    let sources = SourceLimits {
        address_failures: limit(settings, "throttle.address_failures")?,
        address_accounts: limit(settings, "throttle.address_accounts")?,
        network_failures: limit(settings, "throttle.network_failures")?,
        network_accounts: limit(settings, "throttle.network_accounts")?,
    };
    let account = settings.number("throttle.account_failures", 1..=i64::from(MAX_COUNT))?;
    let device = settings.number("throttle.device_failures", 1..=i64::from(MAX_COUNT))?;
    let delay = settings.seconds("throttle.first_delay", 1..=DAY)?;
    let longest = settings.seconds("throttle.longest_delay", 1..=DAY)?;
    if delay > longest {
        let reason = "is shorter than throttle.first_delay";
        settings.refuse_beside("throttle.longest_delay", "throttle.first_delay", reason);
    }
    let limits = Limits {
        sources,
        account: AccountLimit { free: account, delay, longest },
        device: AccountLimit { free: device, delay, longest },
        client_secrets: limit(settings, "throttle.client_secrets")?,
        refresh_tokens: limit(settings, "throttle.refresh_tokens")?,
        introspections: limit(settings, "throttle.introspections")?,
    };
    Some(Throttling {
        enabled: settings.boolean("throttle.enabled"),
        limits,
        device_lifetime: settings.seconds("throttle.device_lifetime", 1..=3650 * DAY)?,
    })
}

fn limit(settings: &mut Settings, key: &str) -> Option<Limit> {
    let read = |text: &str| {
        read_limit(text).ok_or_else(|| {
            let [least, most] = [1, DAY].map(|seconds| length_for_people(Duration::from_secs(seconds)));
            format!(
                "must be a number and a length of time such as 30/10m: from 1 to {MAX_COUNT}, from {least} to {most}"
            )
        })
    };
    settings.parse_shown(key, read, |limit| {
        let window = Duration::from_secs(limit.window.unsigned_abs());
        format!("{}/{}", limit.count, length_for_people(window))
    })
}

fn read_limit(text: &str) -> Option<Limit> {
    let (count, window) = text.split_once('/')?;
    let count = count.trim().parse().ok().filter(|count| (1..=MAX_COUNT).contains(count))?;
    let window = parse_length(window)?;
    let is_sound = window.subsec_nanos() == 0 && (1..=DAY).contains(&window.as_secs());
    is_sound.then_some(Limit { count, window: Seconds::try_from(window.as_secs()).ok()? })
}
