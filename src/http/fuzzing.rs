//! Any bytes as what clients authenticate with and what bodies say: read by other readers too, and compared.
#![expect(clippy::missing_panics_doc, reason = "a panic is how a target says what it found")]

use std::collections::BTreeMap;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::form_urlencoded;

use super::authorization::presented_client;
use crate::oauth::PresentedClient;
use crate::oauth::params::{InvalidParameters, Params, is_well_escaped};

/// The bytes as an `Authorization` header, and as what Basic encodes.
pub fn basic(bytes: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let _ = credentials(value);
    }
    let Ok(value) = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(bytes))) else { return };
    let Some((id, secret)) = credentials(value) else { return };
    // What was read is what a client would have written, or what the URL Standard's lenient reader makes of it.
    let mut halves = bytes.splitn(2, |&b| b == b':');
    for (read, half) in [&id, &secret].into_iter().zip(&mut halves) {
        assert!(!read.contains('\0') && read.trim_ascii() == read);
        let lenient = form_urlencoded::parse(half).next();
        // There, `=` would end a name, and `&` a pair; a `%` that begins no escape says that nothing was encoded.
        if !half.contains(&b'=') && !half.contains(&b'&') && is_well_escaped(half) {
            let lenient = lenient.map(|(name, _)| name.into_owned()).unwrap_or_default();
            assert_eq!(lenient.trim_ascii(), *read);
        }
    }
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let again = STANDARD.encode(format!("{}:{}", encode(&id), encode(&secret)));
    let again = HeaderValue::try_from(format!("bAsIc  {again}")).ok().and_then(credentials);
    assert_eq!(again, Some((id, secret)));
}

/// The first way to read them, which is the RFC's where it can be.
fn credentials(value: HeaderValue) -> Option<(String, String)> {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let nothing = Params::from_form(b"").ok()?;
    match presented_client(&headers, &nothing).ok()? {
        PresentedClient::WithSecret(readings) => {
            readings.into_iter().next().map(|first| (first.id, first.secret.reveal().to_owned()))
        }
        PresentedClient::Named { .. } | PresentedClient::Absent => None,
    }
}

/// The bytes as a form.
pub fn form(bytes: &[u8]) {
    let Ok(params) = Params::from_form(bytes) else { return };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let lenient: Vec<_> = form_urlencoded::parse(bytes).into_owned().collect();
    let ours: Vec<_> = params.members().iter().map(|(name, value)| (name.clone(), text_of(value))).collect();
    assert_eq!(ours, lenient);
    assert!(ours.len() <= 64);
    let mut again = form_urlencoded::Serializer::new(String::new());
    let again = again.extend_pairs(&lenient).finish();
    assert!(Params::from_form(again.as_bytes()).is_ok_and(|again| again.members() == params.members()), "{again}");
    for name in NAMES {
        let values: Vec<_> =
            lenient.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect();
        assert_read(&params.get(name), &values);
    }
}

/// The bytes as JSON.
pub fn json(bytes: &[u8]) {
    let Ok(params) = Params::from_json(bytes) else { return };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // A map has each name once; whether the text has, is for us to see.
    let members: Result<BTreeMap<String, Value>, _> = serde_json::from_slice(bytes);
    assert!(members.is_ok() && params.members().len() <= 64, "what isn't an object was read as one");
    for (name, value) in members.into_iter().flatten() {
        let ours: Vec<_> =
            params.members().iter().filter(|(other, _)| *other == name).map(|(_, value)| value).collect();
        assert_eq!(ours.last(), Some(&&value), "{name}");
        if let ([_], Some(name), Value::String(text)) =
            (ours.as_slice(), NAMES.iter().find(|known| **known == name), &value)
        {
            assert_read(&params.get(name), &[text]);
        }
    }
}

/// Some of those that are read.
const NAMES: [&str; 4] = ["a", "token", "username", "resource"];

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A parameter has one value without NUL, or it is refused; an empty one is none.
fn assert_read(read: &Result<Option<&str>, InvalidParameters>, values: &[&str]) {
    let is_right = match values {
        [] | [""] => matches!(read, Ok(None)),
        [one] if !one.contains('\0') => matches!(read, Ok(Some(text)) if text == one),
        _ => read.is_err(),
    };
    assert!(is_right, "{read:?} of {values:?}");
}
