//! `/verify`: for gateways that ask whether a request may pass, as nginx does with `auth_request`. The answer is a status and
//! header fields. Of the request only the token and the query are read, never the body.

mod demand;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::bearer::{bearer, living};
use super::error::OAuthError;
use crate::app::App;
use crate::domain::RequestContext;
use crate::store::users::StoredUser;
use crate::token_state::LiveAccess;
use demand::{Demand, Unusable};

const SUBJECT: HeaderName = HeaderName::from_static("x-auth-subject");
const USERNAME: HeaderName = HeaderName::from_static("x-auth-username");
const CLIENT: HeaderName = HeaderName::from_static("x-auth-client");
const SCOPE: HeaderName = HeaderName::from_static("x-auth-scope");
const SESSION: HeaderName = HeaderName::from_static("x-auth-session");
const EXPIRES: HeaderName = HeaderName::from_static("x-auth-expires");

/// What is percent-encoded in a header field, besides everything that isn't ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// Answers `/verify`, whatever the method and the path below it.
pub async fn verify(
    State(app): State<Arc<App>>,
    Extension(RequestContext { peer, .. }): Extension<RequestContext>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    // Gateways pass on the headers of their clients, so only the connection says who asks.
    if !app.config.http.verify_from.iter().any(|network| network.contains(&peer)) {
        return Err(OAuthError::not_found().because(format!("{peer} is not in http.verify_from")));
    }
    let demand = Demand::read(uri.query().unwrap_or_default()).map_err(|unusable| refuse(&app, peer, unusable))?;
    let access = living(&app, bearer(&headers)?).await?;
    if !demand.is_for(&access.claims) {
        return Err(OAuthError::other_audience());
    }
    if !demand.scope.is_subset(&access.claims.scope) {
        return Err(OAuthError::lacks_scope(&demand.scope));
    }
    Ok(answer(&access))
}

/// The mistake is in the gateway's configuration, and its author may see only tokend's log.
fn refuse(app: &App, peer: IpAddr, unusable: Unusable) -> OAuthError {
    match unusable {
        Unusable::Malformed => OAuthError::invalid_request("The query is malformed."),
        Unusable::Scope => OAuthError::invalid_request("The scope in the query is malformed."),
        Unusable::NoAudience => {
            if app.audience_reminder.is_due(app.clock.now()) {
                tracing::warn!(
                    gateway = %peer,
                    "a gateway asks /verify for no audience, so it would let tokens for every API pass: write \
                     /verify?audience=https://api.example.com with the audience of the API behind it, or \
                     /verify?audience=* if any will do"
                );
            }
            OAuthError::invalid_request("The audience is missing in the query.")
        }
    }
}

/// 204 with what the token has, as header fields.
fn answer(access: &LiveAccess) -> Response {
    let claims = &access.claims;
    let fields = [
        (SUBJECT, Some(encoded(&claims.sub))),
        (USERNAME, access.user.as_ref().map(StoredUser::username).map(encoded)),
        (CLIENT, Some(encoded(claims.client_id.as_str()))),
        (SCOPE, (!claims.scope.is_empty()).then(|| encoded(&claims.scope.to_string()))),
        (SESSION, claims.sid.map(|sid| sid.to_string())),
        (EXPIRES, Some(claims.exp.to_string())),
    ];
    let fields = fields.into_iter().filter_map(|(name, text)| Some((name, HeaderValue::try_from(text?).ok()?)));
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().extend(fields);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The text as a header field. `%` is encoded too, so that it can be decoded.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_ascii_without_line_ends_and_can_be_decoded() {
        for (text, field) in [
            ("alice@example.com", "alice@example.com"),
            ("read write", "read write"),
            ("\u{e9}va", "%C3%A9va"),
            ("100%", "100%25"),
            ("%C3", "%25C3"),
            ("a\r\nx-auth-subject: b\0\u{7f}", "a%0D%0Ax-auth-subject: b%00%7F"),
            ("\u{1f600}", "%F0%9F%98%80"),
        ] {
            assert_eq!(encoded(text), field);
            assert!(HeaderValue::try_from(encoded(text)).unwrap().to_str().is_ok());
            assert_eq!(percent_encoding::percent_decode_str(field).decode_utf8().unwrap(), text);
        }
    }
}
