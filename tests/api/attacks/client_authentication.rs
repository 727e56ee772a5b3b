//! B: who a client is, at every endpoint that asks.

mod rights;
mod secrets;

use reqwest::{Method, RequestBuilder};

use crate::harness::{Answer, Bystander, PASSWORD, TestServer};

/// Every request that a client can be asked to authenticate for, without the credentials.
fn requests(bystander: &Bystander) -> Vec<(&'static str, Vec<(&'static str, &str)>)> {
    let refresh = bystander.refresh.as_str();
    vec![
        ("/token", vec![("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)]),
        ("/token", vec![("grant_type", "refresh_token"), ("refresh_token", refresh)]),
        ("/token", vec![("grant_type", "client_credentials")]),
        ("/revoke", vec![("token", refresh)]),
        ("/introspect", vec![("token", refresh)]),
        ("/login", vec![("username", "alice"), ("password", PASSWORD)]),
        ("/refresh", vec![("refresh_token", refresh)]),
        ("/logout", vec![("refresh_token", refresh), ("all", "true")]),
    ]
}

/// A form and, maybe, a header that says who asks.
fn request(server: &TestServer, path: &str, form: &[(&str, &str)], authorization: Option<&str>) -> RequestBuilder {
    let request = server.request(Method::POST, path).form(form);
    match authorization {
        Some(text) => request.header("authorization", text),
        None => request,
    }
}

fn basic(id: &str, secret: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

/// RFC 6749 §5.2: 401, and how to do better where Basic was tried.
#[track_caller]
fn assert_invalid_client(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("invalid_client")), "{what}: {answer:?}");
    answer.refused(401, "invalid_client");
    assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{what}: {answer:?}");
}
