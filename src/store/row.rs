//! Between columns and the crate's words: the texts that lists, scopes and claims are stored as.

use std::str::FromStr;

use super::StoreError;
use crate::domain::{Claims, SecretHash};

pub(super) fn parse<T: FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(what))
}

pub(super) fn hash(bytes: &[u8], what: &'static str) -> Result<SecretHash, StoreError> {
    SecretHash::from_stored(bytes).ok_or(StoreError::Unreadable(what))
}

pub(super) fn claims(text: &str) -> Result<Claims, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable("users.claims"))
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

pub(super) fn joined(words: &[String]) -> String {
    words.join(" ")
}

pub(super) fn claims_text(claims: &Claims) -> String {
    serde_json::Value::Object(claims.clone()).to_string()
}
