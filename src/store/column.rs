//! Between columns and the crate's words: the texts that lists, scopes and claims are stored as.

use std::str::FromStr;

use super::engine::StoreError;
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

/// Bytes from pairs of hexadecimal digits.
pub(super) fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hexadecimal_in_pairs() {
        assert_eq!(from_hex("00fFA1"), Some(vec![0, 255, 161]));
        assert_eq!(from_hex(""), Some(vec![]));
        for bad in ["0", "000", "0g", "\u{e9}", "+1", " 1"] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }
}
