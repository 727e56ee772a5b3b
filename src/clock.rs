//! Where the time comes from. Everything that decides by time takes it as a parameter; only the edges ask a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch, as in every `NumericDate` (RFC 7519 §2) and every time column.
pub type UnixTime = i64;

/// A length of time in whole seconds.
pub type Seconds = i64;

/// A moment that never comes: how a lifetime without a limit is stored.
pub const NEVER: UnixTime = i64::MAX;

/// The last second of the year 9999: no later moment has a date in RFC 3339.
const LAST_DATE: UnixTime = 253_402_300_799;

/// The wall clock, or one that a test sets.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// Stands still until it is moved; all clones share the hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start` until it is moved.
    pub fn manual(start: UnixTime) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start)))
    }

    /// The present moment. A machine whose clock stands before 1970 is told it is 1970.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    pub fn now(&self) -> UnixTime {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(NEVER)),
            Self::Manual(hand) => hand.load(Ordering::SeqCst),
        }
    }

    /// Moves a manual clock by `seconds`, backwards if negative; the system clock stays as it is.
    pub fn advance(&self, seconds: Seconds) {
        if let Self::Manual(hand) = self {
            hand.fetch_add(seconds, Ordering::SeqCst);
        }
    }
}

/// `start + lifetime`, where a lifetime of 0 means "no limit".
pub fn expiry(start: UnixTime, lifetime: Seconds) -> UnixTime {
    if lifetime == 0 { NEVER } else { start.saturating_add(lifetime) }
}

/// A length of time as people write it, such as `15m` or `1h 30m`. Units may be in capitals, but for `M`: that is a month to some and
/// a minute to others.
pub fn parse_length(text: &str) -> Option<Duration> {
    let text = text.trim();
    let may_be_lowered = || !text.split(|c: char| !c.is_alphabetic()).any(|unit| unit == "M");
    let lowered = || humantime::parse_duration(&text.to_lowercase()).ok().filter(|_| may_be_lowered());
    humantime::parse_duration(text).ok().or_else(lowered)
}

/// A length of time as the documentation writes it, such as `30d` or `1h 30m`; [`parse_length`] reads it. The largest unit is
/// the day: `humantime` itself writes months of 30.44 days, in which nobody sets a length.
pub fn length_for_people(length: Duration) -> String {
    const DAY: u64 = 86_400;
    let (days, rest) = (length.as_secs() / DAY, Duration::new(length.as_secs() % DAY, length.subsec_nanos()));
    match days {
        0 => humantime::format_duration(rest).to_string(),
        _ if rest.is_zero() => format!("{days}d"),
        _ => format!("{days}d {}", humantime::format_duration(rest)),
    }
}

/// A moment as RFC 3339 writes it.
pub fn date(time: UnixTime) -> String {
    match u64::try_from(time) {
        _ if time == NEVER => "never".to_owned(),
        Ok(seconds) if time <= LAST_DATE => {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
        }
        _ => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_for_all_its_clones() {
        let clock = Clock::manual(1_000);
        let other = clock.clone();
        clock.advance(-10);
        assert_eq!(other.now(), 990);
    }

    #[test]
    fn a_length_is_printed_in_days_and_read_again_as_it_is() {
        let day = 86_400;
        for (seconds, text) in [
            (0, "0s"),
            (900, "15m"),
            (day - 1, "23h 59m 59s"),
            (day, "1d"),
            (day + 60, "1d 1m"),
            (31 * day, "31d"),
            (365 * day, "365d"),
            (3650 * day, "3650d"),
        ] {
            let length = Duration::from_secs(seconds);
            assert_eq!(length_for_people(length), text);
            assert_eq!(parse_length(text), Some(length));
        }
        assert_eq!(length_for_people(Duration::from_millis(500)), "500ms");
    }

    #[test]
    fn a_unit_may_be_in_capitals_where_it_is_the_only_one() {
        for (text, seconds) in [(" 10S ", 10), ("15MIN", 900), ("1H", 3600), ("1D 1Hour", 90_000), ("1h 30m", 5400)] {
            assert_eq!(parse_length(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_length("500MS"), Some(Duration::from_millis(500)));
        for text in ["1H 5M", "15", "", "x", "-1S"] {
            assert_eq!(parse_length(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_without_a_date_is_a_number() {
        assert_eq!(date(LAST_DATE), "9999-12-31T23:59:59Z");
        assert_eq!(date(LAST_DATE + 1), "253402300800");
        assert_eq!(date(-1), "-1");
        assert_eq!(date(NEVER), "never");
    }

    #[test]
    fn a_lifetime_of_zero_never_expires() {
        assert_eq!(expiry(5, 0), NEVER);
        assert_eq!(expiry(5, 10), 15);
        assert_eq!(expiry(5, i64::MAX), NEVER);
    }
}
