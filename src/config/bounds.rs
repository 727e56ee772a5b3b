//! Bounds of lengths of time, in seconds, that the configuration shares with the command line.

use std::ops::RangeInclusive;

use crate::domain::LONGEST_ACCESS_LIFETIME;

pub const MINUTE: u64 = 60;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

pub const ACCESS_LIFETIME: RangeInclusive<u64> = 1..=LONGEST_ACCESS_LIFETIME.unsigned_abs();
pub const REUSE_WINDOW: RangeInclusive<u64> = 0..=HOUR;
/// Up to ten years.
pub const SESSION_LIFETIME: RangeInclusive<u64> = 0..=3650 * DAY;
