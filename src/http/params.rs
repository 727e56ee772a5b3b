//! Request parameters, from a form or from JSON: decoded strictly, each at most once.

use std::fmt;

use percent_encoding::percent_decode;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::error::OAuthError;

/// The most parameters in one request.
const MAX_PARAMETERS: usize = 64;

/// The one parameter that may be repeated, RFC 8707 §2.
const RESOURCE: &str = "resource";

/// The parameters that JSON may have as booleans.
const FLAGS: [&str; 2] = ["all", "cookie"];

/// The parameters of a request. An empty one counts as omitted (RFC 6749 §3.2).
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded`: UTF-8, every `%` followed by two hexadecimal digits.
    pub fn from_form(body: &[u8]) -> Result<Self, OAuthError> {
        let malformed = || OAuthError::invalid_request("The body is not a well-formed UTF-8 form.");
        let mut pairs = Vec::new();
        for pair in body.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&b| b == b'=');
            let name = decode_form(halves.next().unwrap_or_default()).ok_or_else(malformed)?;
            let value = decode_form(halves.next().unwrap_or_default()).ok_or_else(malformed)?;
            push(&mut pairs, name, value)?;
        }
        Ok(Self(pairs))
    }

    /// Reads a JSON object whose members are texts, booleans for flags, or a list of texts for `resource`.
    pub fn from_json(body: &[u8]) -> Result<Self, OAuthError> {
        let members: Members =
            serde_json::from_slice(body).map_err(|_| OAuthError::invalid_request("The body is not a JSON object."))?;
        // What a form repeats is a list in JSON; a member is never repeated.
        if members.0.iter().filter(|(name, _)| name == RESOURCE).count() > 1 {
            return Err(repeated());
        }
        let mut pairs = Vec::new();
        for (name, value) in members.0 {
            match value {
                Value::Null => push(&mut pairs, name, String::new())?,
                Value::String(text) => push(&mut pairs, name, text)?,
                Value::Bool(flag) if FLAGS.contains(&name.as_str()) => push(&mut pairs, name, flag.to_string())?,
                Value::Array(items) if name == RESOURCE => {
                    for item in items {
                        let Value::String(text) = item else { return Err(wrong_type()) };
                        push(&mut pairs, name.clone(), text)?;
                    }
                }
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => return Err(wrong_type()),
            }
        }
        Ok(Self(pairs))
    }

    /// All of them as they were read, in order.
    #[cfg(any(fuzzing, test))]
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The parameter's value, unless it is omitted or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of a parameter that may be repeated.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The parameter's value. `description` is the error when it is missing.
    pub fn require(&self, name: &str, description: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::invalid_request(description))
    }

    /// Whether the parameter is `true`; `false` and omitted are the same, everything else is an error.
    pub fn flag(&self, name: &str) -> Result<bool, OAuthError> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(OAuthError::invalid_request("A flag is neither true nor false.")),
        }
    }
}

/// Decodes one form-urlencoded text strictly: `None` for a bad escape, a NUL or anything that isn't UTF-8.
pub fn decode_form(text: &[u8]) -> Option<String> {
    if text.iter().all(|&b| b.is_ascii_graphic() && b != b'+' && b != b'%') {
        // Nothing to decode, as in any token.
        return std::str::from_utf8(text).ok().map(str::to_owned);
    }
    let spaced: Vec<u8> = text.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    let well_escaped = spaced
        .split(|&b| b == b'%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    let decoded = percent_decode(&spaced).decode_utf8().ok()?;
    (well_escaped && !decoded.contains('\0')).then(|| decoded.into_owned())
}

fn push(pairs: &mut Vec<(String, String)>, name: String, value: String) -> Result<(), OAuthError> {
    if pairs.len() >= MAX_PARAMETERS {
        return Err(OAuthError::invalid_request("The request has too many parameters."));
    }
    if name != RESOURCE && pairs.iter().any(|(other, _)| *other == name) {
        return Err(repeated());
    }
    if name.contains('\0') || value.contains('\0') {
        return Err(OAuthError::invalid_request("A parameter holds a NUL character."));
    }
    pairs.push((name, value));
    Ok(())
}

fn repeated() -> OAuthError {
    OAuthError::invalid_request("A parameter is repeated.")
}

fn wrong_type() -> OAuthError {
    OAuthError::invalid_request("A parameter has the wrong JSON type.")
}

/// A JSON object's members in order, repeated names and all, which a map would hide.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_counts_as_omitted() {
        let params = Params::from_form(b"a=1&b=&c&d=x+y%2B%C3%A9&e=x+y").unwrap();
        assert_eq!((params.get("a"), params.get("b"), params.get("c")), (Some("1"), None, None));
        assert_eq!(params.get("d"), Some("x y+\u{e9}"));
        assert_eq!(params.get("e"), Some("x y"));
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        for body in ["a=1&a=2", "a=1&a=", "a=%ZZ", "a=%2", "a=%", "a=%FF", "a=%00", "%FF=1"] {
            assert!(Params::from_form(body.as_bytes()).is_err(), "{body}");
        }
        for body in [
            "",
            "[]",
            "\"a\"",
            "{\"a\":1}",
            "{\"a\":true}",
            "{\"a\":{}}",
            "{\"a\":[\"b\"]}",
            "{\"a\":\"1\",\"a\":\"2\"}",
            "{\"resource\":\"a\",\"resource\":\"b\"}",
            "{} {}",
            "{\"a\":\"\\u0000\"}",
            "{\"a\\u0000b\":\"1\"}",
        ] {
            assert!(Params::from_json(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn only_resource_may_be_repeated() {
        let form = Params::from_form(b"resource=a&resource=b").unwrap();
        let json = Params::from_json(br#"{"resource":["a","b"],"cookie":true,"scope":null}"#).unwrap();
        for params in [&form, &json] {
            assert_eq!(params.all("resource").collect::<Vec<_>>(), ["a", "b"]);
        }
        assert!(json.flag("cookie").unwrap() && !json.flag("all").unwrap());
        assert_eq!(json.get("scope"), None);
    }

    #[test]
    fn takes_so_many_parameters_and_no_more() {
        let body = |n: usize| (0..n).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert!(Params::from_form(body(64).as_bytes()).is_ok());
        assert!(Params::from_form(body(65).as_bytes()).is_err());
    }
}
