//! A server that reads a request and answers with a constant: what the machine and the framework leave for a token service.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::http::Answer;

/// About as long as what introspection says of a token.
const BODY: &str = concat!(
    r#"{"active":true,"client_id":"app","username":"alice","token_type":"Bearer","scope":"openid profile email","#,
    r#""sub":"00000000-0000-0000-0000-000000000000","aud":["https://api.example.com"],"exp":1800000000}"#
);

/// Serves every path on a free port of the loopback interface, and prints its address.
pub async fn run() -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, Router::new().fallback(answer)).await?)
}

/// Whether this is what it answers.
pub fn is_right(answer: &Answer) -> bool {
    answer.status == 200 && answer.body == BODY.as_bytes()
}

async fn answer(_read: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], BODY)
}
