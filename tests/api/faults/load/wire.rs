//! What a client sends and reads, where any request may get no answer or half of one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokend::domain::PlainSecret;
use uuid::Uuid;

use super::super::history::Token;
use crate::harness::{canary, who_sees};

/// How long a client waits for an answer: longer than the server takes to give up.
const PATIENCE: Duration = Duration::from_secs(40);

/// An answer; with a status of 0 there was none.
#[derive(Default)]
pub struct Reply {
    pub status: u16,
    pub verdict: String,
    pub body: Value,
}

impl Reply {
    /// A member of the body that is a text; empty when it isn't there.
    pub fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_default().to_owned()
    }
}

/// Posts a form, to `/introspect` as somebody who is told of the token.
pub async fn send(http: &reqwest::Client, base: &str, path: &str, form: &[(&str, &str)]) -> Reply {
    let mut request = http.post(format!("{base}{path}")).timeout(PATIENCE).form(form);
    if let ("/introspect", [(_, token)]) = (path, form) {
        let (id, secret) = who_sees(token);
        request = request.basic_auth(id, Some(secret));
    }
    let Ok(response) = canary::noted(request).send().await else { return Reply::default() };
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let verdict = headers.get("refresh-verdict").and_then(|verdict| verdict.to_str().ok());
    let verdict = verdict.unwrap_or_default().to_owned();
    let Ok(text) = response.text().await else { return Reply::default() };
    canary::note_answer(path, status, &headers, &text);
    Reply { status, verdict, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
}

/// A refresh token's session and generation, as anybody can read them, and a name for it.
pub fn read(text: &str) -> Token {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_start_matches("tkr_")).unwrap_or_default();
    let (Some(session), Some(generation)) = (bytes.get(2..18), bytes.get(18..26)) else {
        panic!("no refresh token in a good answer");
    };
    let hash = PlainSecret::new(text.to_owned()).hash();
    Token {
        session: Uuid::from_slice(session).expect("sixteen bytes").to_string(),
        generation: i64::from_be_bytes(generation.try_into().expect("eight bytes")),
        hash: hash.as_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// A claim of an access token, as anybody can read it.
pub fn claim(access_token: &str, name: &str) -> String {
    let part = access_token.split('.').nth(1).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default();
    claims[name].as_str().unwrap_or_default().to_owned()
}
