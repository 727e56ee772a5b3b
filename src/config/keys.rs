//! Every key of the configuration with its default: what `defaults.toml` sets. Any other key is an error.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use toml::de::{DeTable, DeValue};

use super::value::Value;

/// The beginning of the names of all environment variables that set a key.
pub(super) const PREFIX: &str = "TOKEND_";

/// Keys whose values are never shown.
pub(super) const SECRET: [&str; 2] = ["database", "secret"];

/// Not `config/tokend.toml`, which is a copy for operators: a build must not contain what they write there.
const BUILT_IN: &str = include_str!("defaults.toml");

static DEFAULTS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let mut found = BTreeMap::new();
    if let Ok(document) = DeTable::parse(BUILT_IN) {
        collect(document.get_ref(), "", &mut found);
    }
    found.into_values().collect()
});

/// Every key in the order of the file. The type of the default is the type of the key; an empty text means "not set".
pub(super) fn defaults() -> Vec<(&'static str, Value)> {
    DEFAULTS.iter().map(|(key, value)| (key.as_str(), value.clone())).collect()
}

/// Adds the keys of a section by where they stand in the file.
fn collect(table: &DeTable<'_>, section: &str, found: &mut BTreeMap<usize, (String, Value)>) {
    for (name, value) in table {
        let key = in_section(section, name.get_ref());
        match (Value::of_toml(value.get_ref()), value.get_ref()) {
            (Some(default), _) => drop(found.insert(name.span().start, (key, default))),
            (None, DeValue::Table(inner)) => collect(inner, &format!("{key}."), found),
            (None, _) => {}
        }
    }
}

/// The environment variable that sets `key`: `tokens.key_lead_time` is `TOKEND_TOKENS__KEY_LEAD_TIME`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}

/// The key that `name` is in a section of the file. In `[database]` the database itself is `url`.
pub(super) fn in_section(section: &str, name: &str) -> String {
    match (section, name) {
        ("database.", "url") => "database".to_owned(),
        _ => format!("{section}{name}"),
    }
}

/// Whether `name` is a key.
pub(super) fn is_key(name: &str) -> bool {
    defaults().iter().any(|(key, _)| *key == name)
}

/// Whether `name` is a section, which holds keys and no value of its own.
pub(super) fn is_section(name: &str) -> bool {
    defaults().iter().any(|(key, _)| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// What to say of an unknown `name`: which of the known ones it may have been meant for.
pub(super) fn unknown(name: &str, known: impl Iterator<Item = String>) -> String {
    let mut known: Vec<String> = known.collect();
    known.sort_by_key(|candidate| strsim::osa_distance(candidate, name));
    known.dedup();
    known.truncate(3);
    format!("unknown; the nearest known ones are {}", known.join(", "))
}
