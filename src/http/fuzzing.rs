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
use super::params::Params;
use crate::grant::PresentedClient;

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
        assert!(!read.contains('\0'));
        let lenient = form_urlencoded::parse(half).next();
        // There, `=` would end a name, and `&` a pair.
        if !half.contains(&b'=') && !half.contains(&b'&') {
            assert_eq!(lenient.map(|(name, _)| name.into_owned()).unwrap_or_default(), *read);
        }
    }
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let again = STANDARD.encode(format!("{}:{}", encode(&id), encode(&secret)));
    let again = HeaderValue::try_from(format!("bAsIc  {again}")).ok().and_then(credentials);
    assert_eq!(again, Some((id, secret)));
}

fn credentials(value: HeaderValue) -> Option<(String, String)> {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let nothing = Params::from_form(b"").ok()?;
    match presented_client(&headers, &nothing).ok()? {
        PresentedClient::WithSecret { id, secret } => Some((id, secret.reveal().to_owned())),
        PresentedClient::Named { .. } | PresentedClient::Nobody => None,
    }
}

/// The bytes as a form.
pub fn form(bytes: &[u8]) {
    let Ok(params) = Params::from_form(bytes) else { return };
    let lenient: Vec<_> = form_urlencoded::parse(bytes).into_owned().collect();
    assert_agree(&params, &lenient);
    let mut again = form_urlencoded::Serializer::new(String::new());
    let again = again.extend_pairs(&lenient).finish();
    assert!(Params::from_form(again.as_bytes()).is_ok_and(|again| again.pairs() == params.pairs()), "{again}");
}

/// The bytes as JSON.
pub fn json(bytes: &[u8]) {
    let Ok(params) = Params::from_json(bytes) else { return };
    // A map has each name once; whether the text has, is for us to see.
    let members: Result<BTreeMap<String, Value>, _> = serde_json::from_slice(bytes);
    assert!(members.is_ok(), "what isn't an object was read as one");
    let mut pairs = Vec::new();
    for (name, value) in members.into_iter().flatten() {
        let texts = match value {
            Value::Array(items) => items,
            Value::Null => vec![Value::String(String::new())],
            value => vec![value],
        };
        for text in texts {
            let text = text.as_str().map_or_else(|| text.to_string(), str::to_owned);
            pairs.push((name.clone(), text));
        }
    }
    assert_agree(&params, &pairs);
}

/// The same pairs, whatever their order, none of them twice but `resource`, and no more than there may be.
fn assert_agree(params: &Params, others: &[(String, String)]) {
    let (mut ours, mut theirs) = (params.pairs().to_vec(), others.to_vec());
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    assert!(ours.len() <= 64 && ours.iter().all(|(name, value)| !value.contains('\0') && !name.contains('\0')));
    let twice = |two: &[(String, String)]| matches!(two, [one, other] if one.0 == other.0 && one.0 != "resource");
    assert!(!ours.windows(2).any(twice), "{ours:?}");
}
