//! What the `Authorization` header and the body say about who is asking. Reading only; `oauth::client_authentication` checks it.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::basic;
use super::error::OAuthError;
use crate::domain::PlainSecret;
use crate::oauth::{Credentials, Params, PresentedClient};

pub enum Authorization<'a> {
    Missing,
    Basic(&'a str),
    Bearer(&'a str),
    /// More than one, another scheme, or no text.
    Unusable,
}

impl<'a> Authorization<'a> {
    /// Reads the header. The scheme's case doesn't matter (RFC 9110 §11.1). There is no limit of length here: the server
    /// bounds the whole head, and an overlong token is an invalid token, not another scheme.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(first) = values.next() else { return Self::Missing };
        let text = first.to_str().ok().filter(|_| values.next().is_none());
        match text.and_then(|text| text.split_once([' ', '\t'])) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => Self::Basic(rest.trim_ascii()),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => Self::Bearer(rest.trim_ascii()),
            _ => Self::Unusable,
        }
    }
}

/// Whether the body authenticates the client, by a secret or by an assertion (RFC 7521 §4.2). Then nothing else may.
pub fn is_authenticated_by_body(params: &Params) -> Result<bool, OAuthError> {
    Ok(params.word("client_secret")?.is_some() || has_assertion(params)?)
}

/// Whether there is any part of a client assertion. None is supported, and none is ignored: a client that sends one wants to
/// be authenticated by it.
fn has_assertion(params: &Params) -> Result<bool, OAuthError> {
    Ok(params.get("client_assertion")?.is_some() || params.get("client_assertion_type")?.is_some())
}

/// The client that a request presents, by exactly one method (RFC 6749 §2.3).
pub fn presented_client(headers: &HeaderMap, params: &Params) -> Result<PresentedClient, OAuthError> {
    let (id, secret) = (params.word("client_id")?, params.word("client_secret")?);
    let authorization = Authorization::of(headers);
    let in_header = !matches!(authorization, Authorization::Missing);
    let asserts = has_assertion(params)?;
    if [in_header, secret.is_some(), asserts].into_iter().filter(|way| *way).count() > 1 {
        return Err(OAuthError::invalid_request("The client authenticates in more than one way."));
    }
    match authorization {
        _ if asserts => Err(OAuthError::invalid_client()),
        Authorization::Missing => in_body(id, secret),
        Authorization::Basic(encoded) => in_header_of(encoded, id),
        Authorization::Bearer(_) | Authorization::Unusable => Err(OAuthError::invalid_client()),
    }
}

fn in_body(id: Option<&str>, secret: Option<&str>) -> Result<PresentedClient, OAuthError> {
    Ok(match (id, secret) {
        (None, None) => PresentedClient::Absent,
        (None, Some(_)) => return Err(OAuthError::invalid_request("The request has a secret and no client_id.")),
        (Some(id), None) => PresentedClient::Named { id: id.to_owned() },
        (Some(id), Some(secret)) => {
            let reading = |secret: String| Credentials { id: id.to_owned(), secret: PlainSecret::new(secret) };
            // No secret has a space. It was a plus in a form that was written by hand.
            let by_hand = secret.contains(' ').then(|| reading(secret.replace(' ', "+")));
            PresentedClient::WithSecret(std::iter::once(reading(secret.to_owned())).chain(by_hand).collect())
        }
    })
}

fn in_header_of(encoded: &str, id_in_body: Option<&str>) -> Result<PresentedClient, OAuthError> {
    let readings = basic::readings(encoded);
    if readings.is_empty() {
        return Err(OAuthError::invalid_client());
    }
    let is_meant = |reading: &Credentials| id_in_body.is_none_or(|id| id == reading.id);
    let readings: Vec<_> = readings.into_iter().filter(is_meant).collect();
    if readings.is_empty() {
        return Err(OAuthError::invalid_request("The client_id differs from the authenticated client."));
    }
    Ok(PresentedClient::WithSecret(readings))
}
