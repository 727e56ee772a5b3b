//! All keys with the values that are in force and where each came from. Later layers go over earlier ones: the defaults, a
//! file, the environment.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::error::{Problem, Source};
use super::keys;
use super::value::Value;

/// The values in force, and what is wrong with them so far.
pub(super) struct Settings {
    values: BTreeMap<&'static str, (Value, Source)>,
    problems: Vec<Problem>,
    /// Whether every user of the machine can read the file.
    pub(super) exposed: bool,
}

impl Settings {
    /// Every key at its default.
    pub(super) fn new() -> Self {
        let values = keys::defaults().into_iter().map(|(key, value)| (key, (value, Source::Default))).collect();
        Self { values, problems: Vec::new(), exposed: false }
    }

    /// Lays a value, `written` like this, over the one of `key`; `read` makes it of the type of the default. An empty text
    /// leaves `key` as it is.
    pub(super) fn set(&mut self, key: &str, source: Source, written: &str, read: impl FnOnce(&Value) -> Option<Value>) {
        let Some(entry) = self.values.get_mut(key) else { return };
        match read(&entry.0) {
            Some(Value::Text(text)) if text.is_empty() => {}
            Some(value) => *entry = (value, source),
            None => {
                let reason = entry.0.expected();
                self.report(source, key, written, reason);
            }
        }
    }

    /// Notes that `value`, which is all or a part of what `key` holds, is not allowed.
    pub(super) fn refuse(&mut self, key: &str, value: &str, reason: impl Display) {
        self.report(self.source(key), key, value, reason);
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

    /// Where the value of `key` came from.
    pub(super) fn source(&self, key: &str) -> Source {
        self.values.get(key).map_or(Source::Default, |(_, source)| source.clone())
    }

    /// The text of `key`; empty if it is not set.
    pub(super) fn text(&self, key: &str) -> String {
        match self.values.get(key) {
            Some((Value::Text(text), _)) => text.clone(),
            _ => String::new(),
        }
    }

    pub(super) fn boolean(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some((Value::Boolean(true), _)))
    }

    pub(super) fn integer(&self, key: &str) -> i64 {
        match self.values.get(key) {
            Some((Value::Integer(number), _)) => *number,
            _ => 0,
        }
    }

    pub(super) fn list(&self, key: &str) -> Vec<String> {
        match self.values.get(key) {
            Some((Value::List(list), _)) => list.clone(),
            _ => Vec::new(),
        }
    }

    /// The lists of `key` by name.
    pub(super) fn lists(&self, key: &str) -> BTreeMap<String, Vec<String>> {
        match self.values.get(key) {
            Some((Value::Lists(lists), _)) => lists.clone(),
            _ => BTreeMap::new(),
        }
    }
}
