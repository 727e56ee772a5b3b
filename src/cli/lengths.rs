//! Lengths of time as arguments: `15m`, with the bounds of the configuration; `default` for what the configuration says.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::clock::{Seconds, length_for_people, parse_length};
use crate::config::bounds::{ACCESS_LIFETIME, DAY, REUSE_WINDOW, SESSION_LIFETIME};

/// A length of time that a client may have of its own; `None` follows the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnLength(pub Option<Seconds>);

pub fn access_lifetime(text: &str) -> Result<OwnLength, String> {
    own(text, ACCESS_LIFETIME)
}

pub fn reuse_window(text: &str) -> Result<OwnLength, String> {
    own(text, REUSE_WINDOW)
}

pub fn session_lifetime(text: &str) -> Result<OwnLength, String> {
    own(text, SESSION_LIFETIME)
}

/// How long the recovery window may be open.
pub fn recovery_window(text: &str) -> Result<Seconds, String> {
    seconds(text, 1..=7 * DAY)
}

/// How far back to look.
pub fn since(text: &str) -> Result<Seconds, String> {
    seconds(text, 1..=36_500 * DAY)
}

fn own(text: &str, allowed: RangeInclusive<u64>) -> Result<OwnLength, String> {
    if text == "default" { Ok(OwnLength(None)) } else { seconds(text, allowed).map(|length| OwnLength(Some(length))) }
}

fn seconds(text: &str, allowed: RangeInclusive<u64>) -> Result<Seconds, String> {
    let [least, most] = [allowed.start(), allowed.end()].map(|&bound| Duration::from_secs(bound));
    let bounds = least..=most;
    let length = parse_length(text).filter(|length| bounds.contains(length) && length.subsec_nanos() == 0);
    let length = length.and_then(|length| Seconds::try_from(length.as_secs()).ok());
    length.ok_or_else(|| {
        let [least, most] = [least, most].map(length_for_people);
        format!("must be whole seconds from {least} to {most}, with a unit: s, m, h or d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_unit_and_bounds() {
        assert_eq!(access_lifetime("15m"), Ok(OwnLength(Some(900))));
        assert_eq!(access_lifetime("default"), Ok(OwnLength(None)));
        assert_eq!(access_lifetime(" 1H "), Ok(OwnLength(Some(3600))));
        assert_eq!(access_lifetime("24h"), Ok(OwnLength(Some(86_400))));
        assert_eq!(session_lifetime("0s"), Ok(OwnLength(Some(0))));
        assert_eq!(recovery_window("1h"), Ok(3600));
        for text in ["", "15", "0s", "86401s", "1500ms", "-1s", "Default"] {
            assert!(access_lifetime(text).is_err(), "{text:?}");
        }
        assert!(
            reuse_window("3601s").is_err() && recovery_window("0s").is_err() && recovery_window("default").is_err()
        );
    }
}
