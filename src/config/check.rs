//! From what was written to what it means. A value that is not allowed is noted, and the default stands in for it, so that all
//! problems are found. Each method notes what `tokend check` shows.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::settings::Settings;
use super::value::Value;
use crate::clock::{Seconds, length_for_people, parse_length};

impl Settings {
    /// The text or number of `key`, parsed.
    pub(super) fn parse<T: Display, E: Display>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.parse_shown(key, parse, T::to_string)
    }

    /// The text or number of `key`, parsed; `shown` writes it for `tokend check`. `None` only if the default is refused too.
    pub(super) fn parse_shown<T, E: Display>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
        shown: impl Fn(&T) -> String,
    ) -> Option<T> {
        let text = self.text(key);
        let parsed = parse(&text).or_else(|reason| {
            self.refuse(key, &text, reason);
            parse(&self.default_text(key))
        });
        let parsed = parsed.ok()?;
        self.show(key, shown(&parsed));
        Some(parsed)
    }

    /// The items of the list `key`, each parsed, without those that are refused.
    pub(super) fn parse_each<T: Display, E: Display>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let items = if let Some(Value::List(items)) = self.value(key) { items.clone() } else { Vec::new() };
        let parsed: Vec<T> = items
            .iter()
            .filter_map(|item| parse(item.trim()).map_err(|reason| self.refuse(key, item, reason)).ok())
            .collect();
        self.show(key, joined(&parsed));
        parsed
    }

    /// The lists of `key` by name.
    pub(super) fn lists(&mut self, key: &str) -> BTreeMap<String, Vec<String>> {
        let lists = if let Some(Value::Lists(lists)) = self.value(key) { lists.clone() } else { BTreeMap::new() };
        let shown: Vec<String> = lists.iter().map(|(name, list)| format!("{name} = {}", joined(list))).collect();
        self.show(key, shown.join("; "));
        lists
    }

    /// The length of time of `key`.
    pub(super) fn duration(&mut self, key: &str, allowed: RangeInclusive<Duration>) -> Option<Duration> {
        self.parse_shown(key, |text| parse_within(text, &allowed), |&duration| length_for_people(duration))
    }

    /// The length of time of `key` in whole seconds, within these bounds.
    pub(super) fn seconds(&mut self, key: &str, allowed: RangeInclusive<u64>) -> Option<Seconds> {
        let allowed = Duration::from_secs(*allowed.start())..=Duration::from_secs(*allowed.end());
        let whole = |text: &str| match parse_within(text, &allowed)? {
            duration if duration.subsec_nanos() != 0 => Err("must be whole seconds".to_owned()),
            duration => Ok(duration),
        };
        let duration = self.parse_shown(key, whole, |&duration| length_for_people(duration))?;
        Seconds::try_from(duration.as_secs()).ok()
    }

    /// The length of time of `key` in whole seconds, where 0 means no limit.
    pub(super) fn lifetime(&mut self, key: &str, allowed: RangeInclusive<u64>) -> Option<Seconds> {
        let lifetime = self.seconds(key, allowed)?;
        if lifetime == 0 {
            self.show(key, "no limit");
        }
        Some(lifetime)
    }

    pub(super) fn number<T: TryFrom<i64> + Display>(&mut self, key: &str, allowed: RangeInclusive<i64>) -> Option<T> {
        self.parse(key, |text| {
            let number = text.parse().ok().filter(|number| allowed.contains(number));
            let typed = number.and_then(|number| T::try_from(number).ok());
            typed.ok_or_else(|| format!("must be from {} to {}", allowed.start(), allowed.end()))
        })
    }

    pub(super) fn boolean(&mut self, key: &str) -> bool {
        let yes = matches!(self.value(key), Some(Value::Boolean(true)));
        self.show(key, yes);
        yes
    }

    /// The path of `key`, if it is set.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.text(key);
        self.show(key, &path);
        (!path.is_empty()).then(|| path.into())
    }
}

fn parse_within(text: &str, allowed: &RangeInclusive<Duration>) -> Result<Duration, String> {
    parse_length(text).filter(|duration| allowed.contains(duration)).ok_or_else(|| {
        let [least, most] = [allowed.start(), allowed.end()].map(|&bound| length_for_people(bound));
        format!("must be a length of time from {least} to {most}, with its unit: ms, s, m, h or d")
    })
}

/// A list as `tokend check` shows it.
pub(super) fn joined(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
