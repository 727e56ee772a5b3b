//! What the `Authorization` header and the body say about who is asking. Reading only; `grant::client` checks it.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::OAuthError;
use super::params::{Params, decode_form};
use crate::domain::PlainSecret;
use crate::grant::PresentedClient;

/// The credentials in the `Authorization` header.
pub enum Authorization<'a> {
    /// There is none.
    Missing,
    /// `Basic`, and what follows.
    Basic(&'a str),
    /// `Bearer`, and what follows.
    Bearer(&'a str),
    /// More than one, another scheme, or no text.
    Unusable,
}

impl<'a> Authorization<'a> {
    /// Reads the header. The scheme's case doesn't matter (RFC 9110 §11.1). How long it is, is bounded by the server for
    /// the whole head, and for a token where it is verified: a long token is an invalid token, not another scheme.
    pub fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(first) = values.next() else { return Self::Missing };
        let text = first.to_str().ok().filter(|_| values.next().is_none());
        match text.and_then(|text| text.split_once(' ')) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => Self::Basic(rest.trim_start_matches(' ')),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => Self::Bearer(rest.trim_start_matches(' ')),
            _ => Self::Unusable,
        }
    }
}

/// Whether the body authenticates somebody, by a secret or by an assertion (RFC 7521 §4.2): no other way goes with that.
pub fn is_authenticated_by_body(params: &Params) -> bool {
    params.get("client_secret").is_some() || has_assertion(params)
}

/// Whether there is any part of a client assertion. We support none, but a client that sends one means to be believed for
/// it, so it is never passed over.
fn has_assertion(params: &Params) -> bool {
    ["client_assertion", "client_assertion_type"].iter().any(|name| params.get(name).is_some())
}

/// The client that a request presents, by exactly one method (RFC 6749 §2.3).
pub fn presented_client(headers: &HeaderMap, params: &Params) -> Result<PresentedClient, OAuthError> {
    let (id, secret) = (params.get("client_id"), params.get("client_secret"));
    let authorization = Authorization::of(headers);
    let in_header = !matches!(authorization, Authorization::Missing);
    let ways = [in_header, secret.is_some(), has_assertion(params)];
    if ways.into_iter().filter(|way| *way).count() > 1 {
        return Err(OAuthError::invalid_request("The client authenticates in more than one way."));
    }
    if has_assertion(params) {
        return Err(OAuthError::invalid_client());
    }
    match authorization {
        Authorization::Missing => Ok(match (id, secret) {
            (None, None) => PresentedClient::Nobody,
            (None, Some(_)) => return Err(OAuthError::invalid_request("The request has a secret and no client_id.")),
            (Some(id), None) => PresentedClient::Named { id: id.to_owned() },
            (Some(id), Some(secret)) => {
                PresentedClient::WithSecret { id: id.to_owned(), secret: PlainSecret::new(secret.to_owned()) }
            }
        }),
        Authorization::Basic(encoded) => {
            let (basic_id, basic_secret) = decode_basic(encoded).ok_or_else(OAuthError::invalid_client)?;
            if id.is_some_and(|id| id != basic_id) {
                return Err(OAuthError::invalid_request("The client_id differs from the authenticated client."));
            }
            Ok(PresentedClient::WithSecret { id: basic_id, secret: PlainSecret::new(basic_secret) })
        }
        Authorization::Bearer(_) | Authorization::Unusable => Err(OAuthError::invalid_client()),
    }
}

/// Both halves are form-urlencoded before they are joined and encoded (RFC 6749 §2.3.1).
fn decode_basic(encoded: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|&b| b == b':')?;
    let (id, secret) = decoded.split_at_checked(colon)?;
    Some((decode_form(id)?, decode_form(secret.get(1..)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &[u8]) -> Option<(String, String)> {
        decode_basic(&STANDARD.encode(text))
    }

    #[test]
    fn decodes_both_halves_of_basic() {
        assert_eq!(basic(b"a%3Ab+c%25:p%2Bw%252F"), Some(("a:b c%".to_owned(), "p+w%2F".to_owned())));
        assert_eq!(basic(b"a:b:c"), Some(("a".to_owned(), "b:c".to_owned())));
        for bad in [&b"nocolon"[..], b"a:%ZZ", b"\xff:b", b"a:%FF"] {
            assert_eq!(basic(bad), None);
        }
        assert_eq!(decode_basic("!!!"), None);
    }
}
