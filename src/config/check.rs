//! From what was written to what it means: each check gives the typed value, or notes what is wrong and gives none.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::settings::Settings;
use crate::clock::{Seconds, length_for_people, parse_length};

impl Settings {
    /// The text of `key`, parsed.
    pub(super) fn parse<T, E: Display>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(key);
        parse(&text).map_err(|reason| self.refuse(key, &text, reason)).ok()
    }

    /// The items of the list `key`, each parsed.
    pub(super) fn parse_each<T, E: Display>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let items: Vec<Option<T>> = self
            .list(key)
            .into_iter()
            .map(|item| parse(item.trim()).map_err(|reason| self.refuse(key, &item, reason)).ok())
            .collect();
        items.into_iter().collect()
    }

    /// The length of time of `key`.
    pub(super) fn duration(&mut self, key: &str, allowed: RangeInclusive<Duration>) -> Option<Duration> {
        self.parse(key, |text| {
            parse_length(text).filter(|duration| allowed.contains(duration)).ok_or_else(|| {
                let [least, most] = [allowed.start(), allowed.end()].map(|&bound| length_for_people(bound));
                format!("must be a length of time from {least} to {most}, with its unit: ms, s, m, h or d")
            })
        })
    }

    /// The length of time of `key` in whole seconds, within these bounds.
    pub(super) fn seconds(&mut self, key: &str, allowed: RangeInclusive<u64>) -> Option<Seconds> {
        let [least, most] = [allowed.start(), allowed.end()].map(|&bound| Duration::from_secs(bound));
        let duration = self.duration(key, least..=most)?;
        if duration.subsec_nanos() != 0 {
            let text = self.text(key);
            self.refuse(key, &text, "must be whole seconds");
            return None;
        }
        Seconds::try_from(duration.as_secs()).ok()
    }

    pub(super) fn number<T: TryFrom<i64>>(&mut self, key: &str, allowed: RangeInclusive<i64>) -> Option<T> {
        let number = self.integer(key);
        let typed = T::try_from(number).ok().filter(|_| allowed.contains(&number));
        if typed.is_none() {
            let reason = format!("must be from {} to {}", allowed.start(), allowed.end());
            self.refuse(key, &number.to_string(), reason);
        }
        typed
    }

    /// The path of `key`, if it is set.
    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.text(key)).filter(|path| !path.is_empty()).map(PathBuf::from)
    }
}
