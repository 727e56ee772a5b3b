//! The section `[throttle]` with its bounds.

use std::time::Duration;

use super::Throttling;
use super::bounds::DAY;
use super::settings::Settings;
use crate::clock::{Seconds, length_for_people, parse_length};
use crate::throttle::{AccountLimit, Limit, Limits, SourceLimits};

/// The highest limit: more is none at all, for which there is `throttle.enabled`.
const MAX_COUNT: u32 = 1_000_000;

pub(super) fn section(settings: &mut Settings) -> Option<Throttling> {
    let sources = sources(settings);
    let account = settings.number("throttle.account_failures", 1..=i64::from(MAX_COUNT));
    let device = settings.number("throttle.device_failures", 1..=i64::from(MAX_COUNT));
    let delay = settings.seconds("throttle.first_delay", 1..=DAY);
    let longest = settings.seconds("throttle.longest_delay", 1..=DAY);
    if let (Some(delay), Some(longest)) = (delay, longest)
        && delay > longest
    {
        let text = settings.text("throttle.longest_delay");
        settings.refuse("throttle.longest_delay", &text, "is shorter than throttle.first_delay");
    }
    let client_secrets = limit(settings, "throttle.client_secrets");
    let refresh_tokens = limit(settings, "throttle.refresh_tokens");
    let introspections = limit(settings, "throttle.introspections");
    let device_lifetime = settings.seconds("throttle.device_lifetime", 1..=3650 * DAY);
    let (delay, longest) = (delay?, longest?);
    let limits = Limits {
        sources: sources?,
        account: AccountLimit { free: account?, delay, longest },
        device: AccountLimit { free: device?, delay, longest },
        client_secrets: client_secrets?,
        refresh_tokens: refresh_tokens?,
        introspections: introspections?,
    };
    Some(Throttling { enabled: settings.boolean("throttle.enabled"), limits, device_lifetime: device_lifetime? })
}

fn sources(settings: &mut Settings) -> Option<SourceLimits> {
    let address_failures = limit(settings, "throttle.address_failures");
    let address_accounts = limit(settings, "throttle.address_accounts");
    let network_failures = limit(settings, "throttle.network_failures");
    let network_accounts = limit(settings, "throttle.network_accounts");
    Some(SourceLimits {
        address_failures: address_failures?,
        address_accounts: address_accounts?,
        network_failures: network_failures?,
        network_accounts: network_accounts?,
    })
}

fn limit(settings: &mut Settings, key: &str) -> Option<Limit> {
    settings.parse(key, |text| {
        read_limit(text).ok_or_else(|| {
            let [least, most] = [1, DAY].map(|seconds| length_for_people(Duration::from_secs(seconds)));
            format!(
                "must be a number and a length of time such as 30/10m: from 1 to {MAX_COUNT}, from {least} to {most}"
            )
        })
    })
}

fn read_limit(text: &str) -> Option<Limit> {
    let (count, window) = text.split_once('/')?;
    let count = count.trim().parse().ok().filter(|count| (1..=MAX_COUNT).contains(count))?;
    let window = parse_length(window)?;
    let is_sound = window.subsec_nanos() == 0 && (1..=DAY).contains(&window.as_secs());
    is_sound.then_some(Limit { count, window: Seconds::try_from(window.as_secs()).ok()? })
}
