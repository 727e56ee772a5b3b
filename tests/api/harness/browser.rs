//! A browser, as far as its cookies go: what it sends with each request to the host, and what it keeps of the answers.

use reqwest::{Method, RequestBuilder};

use super::{Answer, TestServer};

/// The cookie that all clients of a host shared in version 0.1.
pub const SHARED_COOKIE: &str = "__Host-tokend-refresh";

/// Cookies in the order in which they were first set.
#[derive(Clone, Debug, Default)]
pub struct Browser(Vec<(String, String)>);

impl Browser {
    /// Posts a form from a page of `origin`.
    pub async fn post(&mut self, server: &TestServer, origin: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(server, server.request(Method::POST, path).header("origin", origin).form(form)).await
    }

    /// Sends a request with all cookies, and keeps what the answer sets.
    pub async fn send(&mut self, server: &TestServer, request: RequestBuilder) -> Answer {
        let request = if self.0.is_empty() { request } else { request.header("cookie", self.header()) };
        let answer = server.send(request).await;
        for cookie in answer.set_cookies() {
            assert_eq!(cookie.attributes, ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"], "{answer:?}");
            if cookie.max_age == 0 { self.remove(&cookie.name) } else { self.set(&cookie.name, &cookie.value) }
        }
        answer
    }

    /// The `Cookie` header.
    pub fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, kept)) => value.clone_into(kept),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| other != name);
    }

    /// The names that begin with `prefix`.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).filter(|name| name.starts_with(prefix)).collect()
    }
}
