//! What is asked of a server, byte by byte, and what a right answer has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::http::Answer;
use crate::seed::{APP, MACHINE, PASSWORD, RESOURCE_SERVER, USERNAME};

/// Connections at which throughput is compared.
pub const MANY: usize = 64;

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// `POST /token` with a refresh token, which is exchanged for the next one.
    Refresh,
    /// `POST /introspect` of an access token.
    Introspect,
    /// `GET /userinfo` with an access token.
    Userinfo,
    /// `POST /token` of a client for itself.
    ClientCredentials,
    /// `POST /login` with the right password.
    Login,
}

/// The request that exchanges a refresh token, which is its end.
pub fn refresh(token: &str) -> Vec<u8> {
    post("/token", None, &format!("grant_type=refresh_token&client_id={APP}&refresh_token={token}"))
}

/// The request that asks about an access token.
pub fn introspect(token: &str) -> Vec<u8> {
    post("/introspect", Some(RESOURCE_SERVER), &format!("token={token}"))
}

/// The request for the claims of the user to whom an access token belongs.
pub fn userinfo(token: &str) -> Vec<u8> {
    format!("GET /userinfo HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// The request of a client for a token of its own.
pub fn client_credentials() -> Vec<u8> {
    post("/token", Some(MACHINE), "grant_type=client_credentials")
}

/// The request to sign the user in.
pub fn login() -> Vec<u8> {
    post("/login", None, &format!("username={USERNAME}&password={PASSWORD}&client_id={APP}"))
}

/// Whether this is the right answer to one of the requests that are sent over and over.
pub fn is_right(workload: Workload, answer: &Answer) -> bool {
    let has = |text: &str| answer.body.windows(text.len()).any(|place| place == text.as_bytes());
    answer.status == 200
        && match workload {
            Workload::Introspect => has(r#""active":true"#),
            Workload::Userinfo => has(r#""sub":""#),
            Workload::ClientCredentials => has(r#""access_token":""#),
            Workload::Refresh | Workload::Login => has(r#""refresh_token":""#),
        }
}

/// The requests of this benchmark need no escapes: their texts were chosen so.
fn post(path: &str, credentials: Option<(&str, &str)>, form: &str) -> Vec<u8> {
    let authorization = credentials
        .map(|(id, secret)| format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}"))))
        .unwrap_or_default();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{form}",
        form.len()
    )
    .into_bytes()
}
