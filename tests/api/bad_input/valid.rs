//! Requests that would succeed, for tests to spoil: one of each kind that takes a body.

use reqwest::{Method, RequestBuilder};

use crate::harness::{AUDITOR, Answer, Bystander, C1, P1, PASSWORD, RS1, TestServer};

/// How the sender shows who it is, apart from what is in the form.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    Nobody,
    Basic((&'a str, &'a str)),
    Bearer(&'a str),
}

/// A request that would succeed as it is.
#[derive(Debug)]
pub struct Valid<'a> {
    pub path: &'static str,
    pub by: By<'a>,
    pub form: Vec<(&'static str, &'a str)>,
    /// The parameters without which it is an `invalid_request`.
    pub required: &'static [&'static str],
}

/// The sessions that these requests are about.
pub struct Cast {
    pub public: Bystander,
    pub confidential: Bystander,
    /// An access token that may introspect.
    pub machine: String,
}

impl Cast {
    pub async fn of(server: &TestServer) -> Self {
        let (public, confidential) = (server.bystander().await, server.bystander_on(C1).await);
        let machine = server.post_as(RS1, "/token", &[("grant_type", "client_credentials")]).await.access_token();
        Self { public, confidential, machine }
    }

    /// One of each kind.
    #[rustfmt::skip]
    pub fn requests(&self) -> Vec<Valid<'_>> {
        let (refresh, access) = (self.public.refresh.as_str(), self.public.access.as_str());
        let confidential = self.confidential.refresh.as_str();
        vec![
            Valid {
                path: "/login", by: By::Nobody, required: &["username", "password"],
                form: vec![("username", "alice"), ("password", PASSWORD), ("client_id", P1), ("scope", "openid"),
                           ("device_name", "a phone"), ("cookie", "false")],
            },
            Valid {
                path: "/refresh", by: By::Nobody, required: &["refresh_token"],
                form: vec![("refresh_token", refresh), ("client_id", P1), ("scope", "openid")],
            },
            Valid {
                path: "/refresh", by: By::Basic(C1), required: &["refresh_token"],
                form: vec![("refresh_token", confidential), ("scope", "openid")],
            },
            Valid {
                path: "/logout", by: By::Nobody, required: &["refresh_token"],
                form: vec![("refresh_token", refresh), ("client_id", P1), ("all", "true")],
            },
            Valid { path: "/logout", by: By::Bearer(access), required: &[], form: vec![("all", "true")] },
            Valid {
                path: "/token", by: By::Basic(C1), required: &["grant_type", "username", "password"],
                form: vec![("grant_type", "password"), ("username", "alice"), ("password", PASSWORD),
                           ("scope", "openid"), ("device_name", "a phone")],
            },
            Valid {
                path: "/token", by: By::Nobody, required: &["grant_type", "refresh_token"],
                form: vec![("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", P1),
                           ("scope", "openid")],
            },
            Valid {
                path: "/token", by: By::Basic(C1), required: &["grant_type", "refresh_token"],
                form: vec![("grant_type", "refresh_token"), ("refresh_token", confidential)],
            },
            Valid {
                path: "/token", by: By::Nobody, required: &["grant_type"],
                form: vec![("grant_type", "client_credentials"), ("client_id", C1.0), ("client_secret", C1.1),
                           ("scope", "read")],
            },
            Valid {
                path: "/revoke", by: By::Nobody, required: &["token"],
                form: vec![("token", refresh), ("token_type_hint", "refresh_token"), ("client_id", P1)],
            },
            Valid {
                path: "/revoke", by: By::Basic(C1), required: &["token"],
                form: vec![("token", confidential)],
            },
            Valid {
                path: "/introspect", by: By::Basic(RS1), required: &["token"],
                form: vec![("token", access), ("token_type_hint", "access_token")],
            },
            Valid {
                path: "/introspect", by: By::Nobody, required: &["token"],
                form: vec![("token", refresh), ("client_id", AUDITOR.0), ("client_secret", AUDITOR.1)],
            },
            Valid {
                path: "/introspect", by: By::Bearer(&self.machine), required: &["token"],
                form: vec![("token", access)],
            },
            Valid { path: "/userinfo", by: By::Bearer(access), required: &[], form: vec![("unknown", "x")] },
        ]
    }

    pub async fn assert_lost_nothing(self, server: &TestServer) {
        server.assert_lost_nothing(self.public).await;
        server.assert_lost_nothing(self.confidential).await;
        server.introspect(&self.machine).await.active();
    }
}

impl Valid<'_> {
    /// The parameters that the endpoint looks at.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.form.iter().filter(|(name, _)| !["token_type_hint", "unknown"].contains(name)).copied()
    }

    /// The form's text.
    pub fn encoded(&self) -> String {
        encode(&self.form)
    }

    /// The form's text without one parameter.
    pub fn encoded_without(&self, name: &str) -> String {
        let rest: Vec<_> = self.form.iter().filter(|(other, _)| *other != name).copied().collect();
        encode(&rest)
    }

    /// The request without a body.
    pub fn request(&self, server: &TestServer) -> RequestBuilder {
        let request = server.request(Method::POST, self.path);
        match self.by {
            By::Nobody => request,
            By::Basic((id, secret)) => request.basic_auth(id, Some(secret)),
            By::Bearer(token) => request.bearer_auth(token),
        }
    }

    /// Sends it with another body of the form's content type.
    pub async fn send(&self, server: &TestServer, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.request(server).header("content-type", "application/x-www-form-urlencoded");
        server.send(request.body(body.into())).await
    }
}

fn encode(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}
