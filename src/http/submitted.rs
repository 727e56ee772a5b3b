//! The parameters of a POST, read within limits of bytes and time, with its headers and context.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::content_type::{ContentType, Encoding, content_type};
use super::error::OAuthError;
use crate::domain::RequestContext;
use crate::oauth::Params;

/// How long a body may take to arrive once its head is there.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Submitted {
    pub headers: HeaderMap,
    pub params: Params,
    pub request_context: RequestContext,
}

/// A request whose body is a form of at most `LIMIT` bytes, RFC 6749 §3.2.
pub struct Form<const LIMIT: usize>(pub Submitted);

/// A request whose body is a form or JSON, of at most `LIMIT` bytes.
pub struct FormOrJson<const LIMIT: usize>(pub Submitted);

impl<S: Sync, const LIMIT: usize> FromRequest<S> for Form<LIMIT> {
    type Rejection = OAuthError;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthError> {
        refuse_query(request.uri())?;
        read(request, LIMIT, &[Encoding::Form]).await.map(Self)
    }
}

impl<S: Sync, const LIMIT: usize> FromRequest<S> for FormOrJson<LIMIT> {
    type Rejection = OAuthError;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthError> {
        refuse_query(request.uri())?;
        form_or_json(request, LIMIT).await.map(Self)
    }
}

/// As [`FormOrJson`], for an endpoint that ignores the query.
pub async fn form_or_json(request: Request, limit: usize) -> Result<Submitted, OAuthError> {
    read(request, limit, &[Encoding::Form, Encoding::Json]).await
}

async fn read(request: Request, limit: usize, accepted: &[Encoding]) -> Result<Submitted, OAuthError> {
    let (mut parts, body) = request.into_parts();
    if content_length(&parts.headers).is_some_and(|length| length > limit) {
        return Err(OAuthError::too_large());
    }
    let content_type = content_type(&parts.headers);
    let bytes =
        tokio::time::timeout(BODY_TIMEOUT, collect(body, limit)).await.map_err(|_| OAuthError::body_timeout())??;
    let params = params(content_type, &bytes, accepted)?;
    let no_context = || OAuthError::server_error("the request came in without a context".to_owned());
    let request_context = parts.extensions.remove().ok_or_else(no_context)?;
    Ok(Submitted { headers: parts.headers, params, request_context })
}

/// The parameters in a body of this type.
fn params(found: Option<ContentType>, bytes: &[u8], accepted: &[Encoding]) -> Result<Params, OAuthError> {
    let encoding = found.map(|found| found.encoding);
    let (params, is_ascii) = match encoding.filter(|encoding| accepted.contains(encoding)) {
        // A request without a body, such as a logout by cookie, needs no content type.
        Some(Encoding::Json) if bytes.is_empty() => (Params::from_form(b"")?, true),
        None if encoding.is_none() && bytes.is_empty() && accepted.contains(&Encoding::Json) => {
            (Params::from_form(b"")?, true)
        }
        Some(Encoding::Form) => {
            let params = Params::from_form(bytes)?;
            let is_ascii = params.is_ascii();
            (params, is_ascii)
        }
        Some(Encoding::Json) => (Params::from_json(bytes)?, bytes.is_ascii()),
        None => return Err(OAuthError::invalid_request("The content type of the body is not one that is taken here.")),
    };
    if found.is_some_and(|found| found.is_ascii_only) && !is_ascii {
        return Err(OAuthError::invalid_request("The body must be in UTF-8, and its content type must say so."));
    }
    Ok(params)
}

/// Addresses end up in logs and histories (RFC 6749 §2.3.1), so no parameter is taken from there.
fn refuse_query(uri: &Uri) -> Result<(), OAuthError> {
    match uri.query() {
        None | Some("") => Ok(()),
        Some(_) => Err(OAuthError::invalid_request("Parameters belong in the body, never in the address.")),
    }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(body: Body, limit: usize) -> Result<axum::body::Bytes, OAuthError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(OAuthError::too_large()),
        Err(_) => Err(OAuthError::invalid_request("The body broke off.")),
    }
}
