//! All keys with the values that are in force and where each came from. Later layers go over earlier ones: the defaults, a
//! file, the environment.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::error::{Problem, Source};
use super::keys;
use super::value::Value;

/// The values in force, and what is wrong with them so far.
pub(super) struct Settings {
    entries: BTreeMap<&'static str, Entry>,
    problems: Vec<Problem>,
    /// Whether every user of the machine can read the file.
    pub(super) exposed: bool,
}

struct Entry {
    default: Value,
    value: Value,
    source: Source,
    /// The value for `tokend check`, noted by what reads the key; empty until then.
    shown: String,
}

impl Settings {
    /// Every key at its default.
    pub(super) fn new() -> Self {
        let entry =
            |value: Value| Entry { default: value.clone(), value, source: Source::Default, shown: String::new() };
        let entries = keys::defaults().into_iter().map(|(key, value)| (key, entry(value))).collect();
        Self { entries, problems: Vec::new(), exposed: false }
    }

    /// Lays a value, `written` like this, over the one of `key`; `read` makes it of the type of the default. An empty text
    /// leaves `key` as it is.
    pub(super) fn set(&mut self, key: &str, source: Source, written: &str, read: impl FnOnce(&Value) -> Option<Value>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match read(&entry.default) {
            Some(Value::Text(text)) if text.is_empty() => {}
            Some(value) => (entry.value, entry.source) = (value, source),
            None => {
                let reason = entry.default.expected();
                self.report(source, key, written, reason);
            }
        }
    }

    /// Notes that `value`, which is all or a part of what `key` holds, is not allowed.
    pub(super) fn refuse(&mut self, key: &str, value: &str, reason: impl Display) {
        self.report(self.source(key), key, value, reason);
    }

    /// Refuses `key` because of what `other` holds. A key that was refused stands at its default and contradicts nothing.
    pub(super) fn refuse_beside(&mut self, key: &str, other: &str, reason: impl Display) {
        if !self.problems.iter().any(|problem| problem.key == key || problem.key == other) {
            self.refuse(key, &self.text(key), reason);
        }
    }

    /// Notes what is wrong with `key`. The value is left out where it may be a secret.
    pub(super) fn report(&mut self, source: Source, key: &str, value: &str, reason: impl Display) {
        // A URL with an @ may hold a password, wherever it was put by mistake.
        let secret = keys::SECRET.contains(&key) || (value.contains("//") && value.contains('@'));
        let value = (!secret && !value.is_empty()).then(|| value.to_owned());
        self.problems.push(Problem { source, key: key.to_owned(), value, reason: reason.to_string() });
    }

    /// Everything that is wrong, in the order in which it was found.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    pub(super) fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Notes what `tokend check` shows for `key`, which must hold no secret.
    pub(super) fn show(&mut self, key: &str, shown: impl Display) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.shown = shown.to_string();
        }
    }

    /// Every key with what is shown for it, in the order of `defaults.toml`.
    pub(super) fn shown(&self) -> Vec<(&'static str, String)> {
        let shown = |key| self.entries.get(key).map(|entry| (key, entry.shown.clone()));
        keys::defaults().into_iter().filter_map(|(key, _)| shown(key)).collect()
    }

    /// Where the value of `key` came from.
    pub(super) fn source(&self, key: &str) -> Source {
        self.entries.get(key).map_or(Source::Default, |entry| entry.source.clone())
    }

    /// The text or the number of `key`; empty if it is not set.
    pub(super) fn text(&self, key: &str) -> String {
        self.value(key).map(Value::to_text).unwrap_or_default()
    }

    /// The text or the number that is the default of `key`.
    pub(super) fn default_text(&self, key: &str) -> String {
        self.entries.get(key).map(|entry| entry.default.to_text()).unwrap_or_default()
    }

    /// The value of `key`.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.entries.get(key).map(|entry| &entry.value)
    }
}
