//! `/verify`: what a gateway is told about a request.

mod callers;
mod demands;
mod requests;
mod samples;
mod told;

use reqwest::Method;

use crate::harness::{API, Answer, TestServer};

impl TestServer {
    /// A gateway asks about a token with this query.
    async fn verify(&self, query: &str, token: &str) -> Answer {
        self.get_with(&format!("/verify?{query}"), token).await
    }

    /// The gateway in front of [`API`] asks about a token.
    async fn verify_for_api(&self, token: &str) -> Answer {
        self.verify(&format!("audience={API}"), token).await
    }

    /// The gateway in front of [`API`] asks about a request that has no token in its header.
    async fn verify_without_token(&self, more: &str) -> Answer {
        self.send(self.request(Method::GET, &format!("/verify?audience={API}{more}"))).await
    }
}

/// The request may not pass, and its client learns what RFC 6750 §3 has for it.
#[track_caller]
fn assert_challenged(answer: &Answer, status: u16, code: &str, challenge: &str) {
    assert_eq!(answer.refused(status, code).header("www-authenticate"), challenge, "{answer:?}");
    assert_tells_nothing(answer);
}

#[track_caller]
fn assert_tells_nothing(answer: &Answer) {
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("x-auth-")), "{answer:?}");
}
