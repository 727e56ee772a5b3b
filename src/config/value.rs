//! Values as they are written in a file or a variable, before validation.

use std::collections::BTreeMap;

use toml::de::DeValue;

use crate::domain::spelling::unquoted;

/// A value as it was written.
#[derive(Clone)]
pub(super) enum Value {
    /// A text; lengths of time, addresses and names are texts.
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<String>),
    /// Lists of texts by name.
    Lists(BTreeMap<String, Vec<String>>),
}

impl Value {
    /// `found` as a value of its own type. A table is one if it holds nothing but lists; otherwise it is a section.
    pub(super) fn of_toml(found: &DeValue<'_>) -> Option<Self> {
        let types = [
            Self::Text(String::new()),
            Self::Integer(0),
            Self::Boolean(false),
            Self::List(Vec::new()),
            Self::Lists(BTreeMap::new()),
        ];
        types.into_iter().find_map(|of_type| of_type.read_toml(found))
    }

    /// `found` as a value of the same type as `self`, if it is one.
    pub(super) fn read_toml(&self, found: &DeValue<'_>) -> Option<Self> {
        match (self, found) {
            (Self::Text(_), DeValue::String(text)) => Some(Self::Text(text.to_string())),
            (Self::Integer(_), DeValue::Integer(number)) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(Self::Integer)
            }
            (Self::Boolean(_), DeValue::Boolean(yes)) => Some(Self::Boolean(*yes)),
            (Self::Lists(_), DeValue::Table(table)) => table
                .iter()
                .map(|(name, list)| Some((name.get_ref().to_string(), texts(list.get_ref())?)))
                .collect::<Option<_>>()
                .map(Self::Lists),
            // Templates put quotes around everything.
            (Self::Integer(_) | Self::Boolean(_) | Self::List(_), DeValue::String(text)) => self.read_variable(text),
            (Self::List(_), found) => texts(found).map(Self::List),
            _ => None,
        }
    }

    /// The text of an environment variable as a value of the same type as `self`, if it can be one.
    pub(super) fn read_variable(&self, text: &str) -> Option<Self> {
        match self {
            Self::Text(_) => Some(Self::Text(text.to_owned())),
            Self::Boolean(_) => yes_or_no(text).map(Self::Boolean),
            Self::List(_) if !text.trim_start().starts_with('[') => {
                // No item has white space in it.
                let items = text.split(|c: char| c == ',' || c.is_whitespace()).map(unquoted);
                Some(Self::List(items.filter(|item| !item.is_empty()).map(str::to_owned).collect()))
            }
            Self::Lists(_) => self.read_as_toml(text).or_else(|| serde_json::from_str(text).ok().map(Self::Lists)),
            Self::List(_) | Self::Integer(_) => self.read_as_toml(text),
        }
    }

    fn read_as_toml(&self, text: &str) -> Option<Self> {
        self.read_toml(DeValue::parse(text.trim()).ok()?.get_ref())
    }

    /// A text or a number as a text; empty for another type.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(number) => number.to_string(),
            _ => String::new(),
        }
    }

    /// What a value of this type looks like, in a file and in a variable.
    pub(super) fn expected(&self) -> &'static str {
        match self {
            Self::Text(_) => "must be a text in quotes",
            Self::Integer(_) => "must be a whole number",
            Self::Boolean(_) => "must be true or false",
            Self::List(_) => "must be a list of texts, such as [\"one\", \"two\"]",
            Self::Lists(_) => "must be lists of texts by name, such as { one = [\"a\", \"b\"] }",
        }
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "on" => Some(true),
        "false" | "0" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

fn texts(found: &DeValue<'_>) -> Option<Vec<String>> {
    found.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}
