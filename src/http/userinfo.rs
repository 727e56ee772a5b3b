//! `GET,POST /userinfo`: OpenID Connect Core §5.3, with the bearer rules of RFC 6750.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use serde_json::Value;

use super::BODY_LIMIT;
use super::authorization::Authorization;
use super::bearer::{bearer, bearer_with_scope};
use super::error::OAuthError;
use super::json;
use super::submitted::form_or_json;
use crate::app::App;
use crate::config::ClaimRules;
use crate::domain::{Scope, User};
use crate::oauth::Refusal;
use crate::oauth::params::decode_form;

const CHALLENGE: &str = r#"Bearer realm="tokend", error="insufficient_scope", scope="openid""#;

pub async fn userinfo(State(app): State<Arc<App>>, request: Request) -> Result<Response, OAuthError> {
    refuse_token_in_query(request.uri())?;
    let (headers, token_in_body) = read(request).await?;
    if token_in_body && matches!(Authorization::of(&headers), Authorization::Bearer(_)) {
        return Err(OAuthError::invalid_bearer_request("The request has two tokens."));
    }
    let token = bearer(&headers)?;
    let access = bearer_with_scope(&app, token, Scope::OPENID, CHALLENGE).await?;
    // A client's own token has no user.
    let user = access.user.ok_or_else(OAuthError::invalid_token)?;
    let profile = user.read().map_err(Refusal::from)?;
    let mut claims = profile.map(|user| claims(&user, &access.claims.scope, &app.config.claims)).unwrap_or_default();
    claims.insert("sub".to_owned(), user.id().to_string().into());
    Ok(json::no_store(&claims))
}

/// RFC 6750 §2.3 is not supported: addresses end up in logs.
fn refuse_token_in_query(uri: &Uri) -> Result<(), OAuthError> {
    let names = uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let holds_token =
        names.into_iter().any(|name| decode_form(name.as_bytes()).is_none_or(|name| name == "access_token"));
    if holds_token { Err(OAuthError::invalid_bearer_request("A token in the address is not taken.")) } else { Ok(()) }
}

/// The headers, and whether there is a token in the body.
async fn read(request: Request) -> Result<(HeaderMap, bool), OAuthError> {
    if request.method() != Method::POST {
        return Ok((request.into_parts().0.headers, false));
    }
    let submitted = form_or_json(request, BODY_LIMIT).await?;
    let has_token = submitted.params.get("access_token")?.is_some();
    Ok((submitted.headers, has_token))
}

/// The claims of each granted scope that the user has.
fn claims(user: &User, scope: &Scope, rules: &ClaimRules) -> BTreeMap<String, Value> {
    let granted = rules.scopes.iter().filter(|(word, _)| scope.contains(word)).flat_map(|(_, names)| names);
    granted.filter_map(|name| Some((name.clone(), user.claim(name)?))).collect()
}
