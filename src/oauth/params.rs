//! Request parameters, from a form or from JSON. A parameter is checked when it is read, so that unknown ones are ignored whatever
//! they are (RFC 6749 §3.2).

use std::borrow::Cow;

use percent_encoding::percent_decode;
use serde_json::Value;

use crate::strict_json;

/// The most parameters in one request.
const MAX_PARAMETERS: usize = 64;

/// UTF-8's byte order mark, which some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The parameters of a request. An empty one counts as omitted (RFC 6749 §3.2), and so does null.
pub struct Params {
    /// By name, in order. Those of a form are texts.
    members: Vec<(String, Value)>,
    /// A repeated parameter of a form is an array in JSON.
    is_form: bool,
}

/// Why parameters can't be read: the description in the answer, which is 400 `invalid_request`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidParameters(pub Cow<'static, str>);

impl InvalidParameters {
    fn new(description: impl Into<Cow<'static, str>>) -> Self {
        Self(description.into())
    }
}

impl Params {
    /// Reads `application/x-www-form-urlencoded`: UTF-8, every `%` followed by two hexadecimal digits.
    pub fn from_form(body: &[u8]) -> Result<Self, InvalidParameters> {
        let malformed = || InvalidParameters::new("The body is not a well-formed UTF-8 form.");
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let mut members = Vec::new();
        for pair in without_line_end(body).split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |&b| b == b'=');
            let name = decode_form(halves.next().unwrap_or_default()).ok_or_else(malformed)?;
            let value = decode_form(halves.next().unwrap_or_default()).ok_or_else(malformed)?;
            if members.len() >= MAX_PARAMETERS {
                return Err(too_many());
            }
            members.push((name, Value::String(value)));
        }
        Ok(Self { members, is_form: true })
    }

    /// Reads a JSON object.
    pub fn from_json(body: &[u8]) -> Result<Self, InvalidParameters> {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let members =
            strict_json::members(body).ok_or_else(|| InvalidParameters::new("The body is not a JSON object."))?;
        if members.len() > MAX_PARAMETERS { Err(too_many()) } else { Ok(Self { members, is_form: false }) }
    }

    /// All of them as they were read, in order.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn members(&self) -> &[(String, Value)] {
        &self.members
    }

    /// Whether names and values are ASCII, so that most character sets would read them alike.
    pub fn is_ascii(&self) -> bool {
        self.members.iter().all(|(name, value)| name.is_ascii() && value.as_str().is_none_or(str::is_ascii))
    }

    /// The parameter's value, unless it is omitted or empty.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, InvalidParameters> {
        self.one(name)?.map_or(Ok(None), |value| text(name, value))
    }

    /// As [`Self::get`], without white space around it: for an identifier, a secret or a token.
    pub fn word(&self, name: &'static str) -> Result<Option<&str>, InvalidParameters> {
        Ok(self.get(name)?.map(str::trim_ascii).filter(|word| !word.is_empty()))
    }

    /// Every value of a parameter that may be repeated, RFC 8707 §2.
    pub fn all(&self, name: &'static str) -> Result<Vec<&str>, InvalidParameters> {
        let found: Vec<&Value> = self.named(name).collect();
        if found.len() > 1 && !self.is_form {
            return Err(repeated(name));
        }
        let mut texts = Vec::new();
        for value in found {
            match value {
                Value::Null => {}
                Value::Array(items) if items.len() > MAX_PARAMETERS => return Err(too_many()),
                Value::Array(items) => {
                    for item in items {
                        texts.extend(text(name, item)?);
                    }
                }
                value => texts.extend(text(name, value)?),
            }
        }
        Ok(texts)
    }

    /// The parameter's value. `description` is the error when it is missing.
    pub fn require(&self, name: &'static str, description: &'static str) -> Result<&str, InvalidParameters> {
        self.get(name)?.ok_or_else(|| InvalidParameters::new(description))
    }

    /// Whether the parameter is `true`; `false` and omitted are the same, everything else is an error.
    pub fn flag(&self, name: &'static str) -> Result<bool, InvalidParameters> {
        match self.one(name)? {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => match text(name, value)? {
                None | Some("false") => Ok(false),
                Some("true") => Ok(true),
                Some(_) => Err(refused(name, "is neither true nor false")),
            },
        }
    }

    fn named(&self, name: &'static str) -> impl Iterator<Item = &Value> {
        self.members.iter().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// The only value of that name, unless it is null.
    fn one(&self, name: &'static str) -> Result<Option<&Value>, InvalidParameters> {
        let mut found = self.named(name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(repeated(name)),
            (value, None) => Ok(value.filter(|value| !value.is_null())),
        }
    }
}

/// Decodes one form-urlencoded text strictly: `None` for a bad escape or anything that isn't UTF-8.
pub fn decode_form(text: &[u8]) -> Option<String> {
    if text.iter().all(|&b| b.is_ascii_graphic() && b != b'+' && b != b'%') {
        // Nothing to decode, as in any token.
        return std::str::from_utf8(text).ok().map(str::to_owned);
    }
    let spaced: Vec<u8> = text.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    let decoded = percent_decode(&spaced).decode_utf8().ok()?;
    is_well_escaped(&spaced).then(|| decoded.into_owned())
}

/// Whether every `%` is followed by two hexadecimal digits.
pub fn is_well_escaped(text: &[u8]) -> bool {
    let mut escapes = text.split(|&b| b == b'%').skip(1);
    escapes.all(|after| after.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

/// A form without a line end at its end, which it has if it was sent from a file.
fn without_line_end(body: &[u8]) -> &[u8] {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    body.strip_suffix(b"\r").unwrap_or(body)
}

/// A value that must be a text, unless it is empty.
fn text<'a>(name: &'static str, value: &'a Value) -> Result<Option<&'a str>, InvalidParameters> {
    match value {
        Value::String(text) if text.contains('\0') => Err(refused(name, "holds a NUL character")),
        Value::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        _ => Err(refused(name, "has the wrong JSON type")),
    }
}

fn repeated(name: &'static str) -> InvalidParameters {
    refused(name, "is repeated")
}

/// `name` is never client input, so that no answer repeats any.
fn refused(name: &'static str, what: &str) -> InvalidParameters {
    InvalidParameters::new(format!("The parameter {name} {what}."))
}

fn too_many() -> InvalidParameters {
    InvalidParameters::new("The request has too many parameters.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Params {
        Params::from_form(body.as_bytes()).unwrap()
    }

    fn json(body: &str) -> Params {
        Params::from_json(body.as_bytes()).unwrap()
    }

    #[test]
    fn an_empty_parameter_counts_as_omitted() {
        let params = form("a=1&b=&c&d=x+y%2B%C3%A9&e=x+y");
        let get = |name| params.get(name).unwrap();
        assert_eq!((get("a"), get("b"), get("c")), (Some("1"), None, None));
        assert_eq!((get("d"), get("e")), (Some("x y+\u{e9}"), Some("x y")));
        assert_eq!(json(r#"{"a":null,"b":""}"#).get("a").unwrap(), None);
    }

    #[test]
    fn refuses_a_body_that_two_readers_could_read_differently() {
        for body in ["a=%ZZ", "a=%2", "a=%", "a=%FF", "%FF=1"] {
            assert!(Params::from_form(body.as_bytes()).is_err(), "{body}");
        }
        for body in ["", "[]", "\"a\"", "{} {}"] {
            assert!(Params::from_json(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_parameter_is_judged_when_it_is_read() {
        for body in ["a=1&a=2&b=x", "a=1&a=&b=x", "a=%00&b=x", "a%00=1&b=x&a=1&a=1"] {
            let params = form(body);
            assert_eq!(params.get("b").unwrap(), Some("x"), "{body}");
            assert!(params.get("a").is_err() && params.flag("a").is_err(), "{body}");
        }
        for value in ["1", "true", "{}", "[\"b\"]", "\"1\",\"a\":\"2\"", "\"\\u0000\"", "null,\"a\":null"] {
            let params = json(&format!("{{\"b\":\"x\",\"a\":{value}}}"));
            assert_eq!(params.get("b").unwrap(), Some("x"), "{value}");
            assert!(params.get("a").is_err(), "{value}");
        }
    }

    #[test]
    fn what_may_be_repeated_is_a_list_in_json() {
        for params in [form("resource=a&resource=b&resource="), json(r#"{"resource":["a","b",""]}"#)] {
            assert_eq!(params.all("resource").unwrap(), ["a", "b"]);
        }
        assert_eq!(json(r#"{"resource":"a"}"#).all("resource").unwrap(), ["a"]);
        for body in [r#"{"resource":"a","resource":"b"}"#, r#"{"resource":[1]}"#, r#"{"resource":[null]}"#] {
            assert!(json(body).all("resource").is_err(), "{body}");
        }
        let list = |n: usize| json(&serde_json::json!({ "resource": vec!["a"; n] }).to_string());
        assert!(list(64).all("resource").is_ok() && list(65).all("resource").is_err());
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let params = json(r#"{"yes":true,"no":false,"text":"true","null":null,"other":"yes"}"#);
        let flag = |name| params.flag(name).ok();
        assert_eq!([flag("yes"), flag("no"), flag("text")], [Some(true), Some(false), Some(true)]);
        assert_eq!([flag("null"), flag("absent"), flag("other")], [Some(false), Some(false), None]);
    }

    #[test]
    fn what_a_file_adds_to_a_body_is_no_part_of_it() {
        assert_eq!(form("\u{feff}a=1&b=2\r\n").get("a").unwrap(), Some("1"));
        assert_eq!(form("\u{feff}a=1&b=2\r\n").get("b").unwrap(), Some("2"));
        assert_eq!(form("a=1%0A\n").get("a").unwrap(), Some("1\n"));
        assert_eq!(json("\u{feff}{\"a\":\"1\"}\n").get("a").unwrap(), Some("1"));
        assert_eq!(form("a=+1%09%0D%0A&b=+").word("a").unwrap(), Some("1"));
        assert_eq!(form("b=+").word("b").unwrap(), None);
    }

    #[test]
    fn takes_so_many_parameters_and_no_more() {
        let body = |n: usize| (0..n).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
        assert!(Params::from_form(body(64).as_bytes()).is_ok());
        assert!(Params::from_form(body(65).as_bytes()).is_err());
    }
}
