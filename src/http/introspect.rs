//! `POST /introspect`: RFC 7662, for access and refresh tokens.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::BODY_LIMIT;
use super::authorization::{Authorization, is_authenticated_by_body, presented_client};
use super::bearer::bearer_with_scope;
use super::error::OAuthError;
use super::json;
use super::submitted::{Form, Submitted};
use crate::app::{App, Snapshot};
use crate::clock::{NEVER, UnixTime};
use crate::domain::{Claims, Client, RequestContext, Scope};
use crate::introspection::{self, Active, Inactive, MayNotAsk};
use crate::oauth::{Refusal, authenticate, snapshot, throttled};
use crate::store::users::StoredUser;
use crate::throttle::Failures;
use crate::token_state::{self, LiveAccess, LiveRefresh};

/// The answer for every token that isn't active, whatever the reason (RFC 7662 §2.2).
const INACTIVE: &str = r#"{"active":false}"#;

/// Members of the answer that are no claims of an access token, so that a user's claim can have the same name.
const OWN_MEMBERS: [&str; 3] = ["active", "username", "token_type"];

const CHALLENGE: &str = r#"Bearer realm="tokend", error="insufficient_scope", scope="introspect""#;

/// What an active token is, RFC 7662 §2.2.
#[derive(Serialize)]
struct Introspection<'a> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<UnixTime>,
    iat: UnixTime,
    nbf: UnixTime,
    sub: &'a str,
    aud: &'a [String],
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<UnixTime>,
    #[serde(flatten)]
    extra: Option<&'a Claims>,
}

/// Answers `POST /introspect`. `token_type_hint` is no help here and ignored: a token's form says what it is.
pub async fn introspect(State(app): State<Arc<App>>, Form(request): Form<BODY_LIMIT>) -> Result<Response, OAuthError> {
    let caller = caller(&app, &request).await?;
    let token = request.params.word("token")?.ok_or_else(|| OAuthError::invalid_request("The token is missing."))?;
    match introspection::introspect(&app, &caller, token).await? {
        Ok(Active::Access(access)) => return Ok(answer_access(&app, &access)),
        Ok(Active::Refresh(refresh)) => return Ok(answer_refresh(&app, &refresh)),
        Err(Inactive::Dead(_)) => refuse_scanning(&app, &caller, token, &request.request_context).await?,
        Err(_) => {}
    }
    Ok(json::no_store_bytes(INACTIVE))
}

/// Counts tokens that this server never issued, and refuses a client that asks about too many. Dead tokens aren't counted: that
/// they died is news to the client.
async fn refuse_scanning(
    app: &App,
    caller: &Client,
    token: &str,
    request_context: &RequestContext,
) -> Result<(), Refusal> {
    let Some(throttle) = &app.throttle else { return Ok(()) };
    if !token_state::never_issued(app, &*snapshot(app)?, token) {
        return Ok(());
    }
    match throttle.forged_introspection(&caller.id, app.clock.now()) {
        Ok(()) => Ok(()),
        Err(refused) => Err(throttled(app, Failures::Introspections, refused, request_context).await),
    }
}

/// The client that asks: by its credentials, or by an access token with the scope (RFC 7662 §2.1).
async fn caller(app: &App, request: &Submitted) -> Result<Arc<Client>, OAuthError> {
    let registry = snapshot(app)?;
    if let Authorization::Bearer(token) = Authorization::of(&request.headers) {
        if is_authenticated_by_body(&request.params)? {
            return Err(OAuthError::invalid_request("The caller authenticates in more than one way."));
        }
        return bearers_client(app, &registry, token).await;
    }
    let presented = presented_client(&request.headers, &request.params)?;
    let client = authenticate(app, &registry, &presented, &request.request_context).await?;
    match introspection::may_ask(&client) {
        Ok(()) => Ok(client),
        Err(MayNotAsk::Public) => Err(OAuthError::invalid_client()),
        Err(MayNotAsk::NoRight) => Err(OAuthError::not_permitted("The client may not introspect.")),
    }
}

/// The client of an access token with the scope. The scope gives no right by itself: the token must be the client's own and not a
/// user's, and the client one that may introspect.
async fn bearers_client(app: &App, registry: &Snapshot, token: &str) -> Result<Arc<Client>, OAuthError> {
    let claims = bearer_with_scope(app, token, Scope::INTROSPECT, CHALLENGE).await?.claims;
    let client = registry.client(claims.client_id.as_str()).ok_or_else(OAuthError::invalid_token)?;
    let cause = match introspection::may_ask(client) {
        _ if claims.sid.is_some() => "the token is a user's, not the client's own".to_owned(),
        Err(reason) => reason.to_string(),
        Ok(()) => return Ok(Arc::clone(client)),
    };
    Err(OAuthError::insufficient_scope(CHALLENGE).because(cause))
}

fn shown(scope: &Scope) -> Option<String> {
    (!scope.is_empty()).then(|| scope.to_string())
}

fn answer_access(app: &App, access: &LiveAccess) -> Response {
    let claims = &access.claims;
    let mut extra = Cow::Borrowed(&claims.extra);
    for name in OWN_MEMBERS.into_iter().filter(|name| claims.extra.contains_key(*name)) {
        extra.to_mut().remove(name);
    }
    json::no_store(&Introspection {
        active: true,
        scope: shown(&claims.scope),
        client_id: claims.client_id.as_str(),
        username: access.user.as_ref().map(StoredUser::username),
        token_type: "Bearer",
        exp: Some(claims.exp),
        iat: claims.iat,
        nbf: claims.iat,
        sub: &claims.sub,
        aud: &claims.aud,
        iss: app.config.issuer.as_str(),
        jti: Some(claims.jti.to_string()),
        sid: claims.sid.map(|sid| sid.to_string()),
        auth_time: claims.auth_time,
        extra: Some(&extra),
    })
}

fn answer_refresh(app: &App, refresh: &LiveRefresh) -> Response {
    let session = &refresh.signed_in.session;
    json::no_store(&Introspection {
        active: true,
        scope: shown(&refresh.scope),
        client_id: session.client_id.as_str(),
        username: Some(refresh.signed_in.user.username.as_str()),
        token_type: "refresh_token",
        exp: (refresh.expires_at != NEVER).then_some(refresh.expires_at),
        iat: refresh.issued_at,
        nbf: refresh.issued_at,
        sub: &refresh.signed_in.user.id.to_string(),
        aud: &session.audience,
        iss: app.config.issuer.as_str(),
        jti: None,
        sid: Some(session.id.to_string()),
        auth_time: Some(session.auth_time),
        extra: None,
    })
}
