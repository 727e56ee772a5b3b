//! A view as people read it. The names of its members say what they are: `.._at` is a moment, `.._lifetime` a length of time.

use std::fmt;
use std::time::Duration;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::escape::{escaped, escaped_json};
use super::failure::Failure;
use crate::clock::{date, length_for_people};

/// Moments whose absence means that they never come.
const ENDS: [&str; 3] = ["ends_at", "idle_expires_at", "expires_at"];

/// The members of a view, in its order.
#[derive(Debug)]
pub struct Record(Vec<(String, Value)>);

impl Record {
    /// Reads a view by its JSON.
    pub fn of(view: &impl Serialize) -> Result<Self, Failure> {
        Ok(serde_json::from_str(&serde_json::to_string(view)?)?)
    }

    pub fn lines(&self) -> Vec<Vec<String>> {
        self.0.iter().map(|(name, value)| vec![name.clone(), for_people(name, value)]).collect()
    }

    /// One member; empty when there is none of that name.
    pub fn cell(&self, name: &str) -> String {
        self.0.iter().find(|(known, _)| known == name).map_or_else(String::new, |(_, value)| for_people(name, value))
    }
}

fn for_people(name: &str, value: &Value) -> String {
    let text = match value {
        Value::Null if name == "accepted" => "unknown".to_owned(),
        Value::Null if ENDS.contains(&name) => "never".to_owned(),
        Value::Null => String::new(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => match number.as_i64() {
            Some(time) if is_moment(name) => date(time),
            Some(length) if is_length(name) => length_for_people(Duration::from_secs(length.unsigned_abs())),
            _ => number.to_string(),
        },
        Value::String(text) => escaped(text),
        Value::Array(items) => escaped(&items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        Value::Object(members) if members.is_empty() => String::new(),
        Value::Object(_) => escaped_json(&value.to_string()),
    };
    if text.is_empty() { "-".to_owned() } else { text }
}

fn is_moment(name: &str) -> bool {
    name.ends_with("_at") || ["at", "auth_time", "signs_from", "until"].contains(&name)
}

fn is_length(name: &str) -> bool {
    name.ends_with("_lifetime") || name == "reuse_window"
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// A map of `serde_json` would sort them.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a view")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Record, M::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Record(members))
    }
}
