//! Whether a presented token is alive. The database is asked each time, so a revocation holds at once on every node
//! (docs/design.md#nothing-cached-that-can-lie).

use std::sync::Arc;

use crate::app::{App, Snapshot};
use crate::clock::UnixTime;
use crate::domain::{ClientId, Scope, SessionId, TokenTyp};
use crate::oauth::{Refusal, snapshot};
use crate::session::{
    Dead, ParsedRefreshToken, PresentedSession, SessionFacts, client_of, judge_session, judge_verdict, may_still_have,
    presented,
};
use crate::store::sessions::{SessionOfToken, SignedIn};
use crate::store::users::StoredUser;
use crate::token::access::{AccessClaims, InvalidAccessToken, Verified};
use crate::token::judge::Verdict;

/// An access token that is alive.
#[derive(Debug)]
pub struct LiveAccess {
    /// What it says.
    pub claims: Arc<AccessClaims>,
    /// Its user; `None` for a client's own token.
    pub user: Option<StoredUser>,
}

/// A refresh token that would be exchanged.
#[derive(Debug)]
pub struct LiveRefresh {
    /// Its session and user.
    pub signed_in: SignedIn,
    /// What an access token for it would grant.
    pub scope: Scope,
    /// When it was made.
    pub issued_at: UnixTime,
    /// When it ends if it isn't used; [`crate::clock::NEVER`] if it doesn't.
    pub expires_at: UnixTime,
}

/// Whose session it is.
#[derive(Debug)]
pub struct Owner {
    /// The client.
    pub client: ClientId,
    /// Whether the session may still be used.
    pub lives: bool,
}

/// The owner of a session, ended or not.
pub async fn owner(app: &App, session: SessionId) -> Result<Option<Owner>, Refusal> {
    let found = presented(app, &*snapshot(app)?, session).await?;
    Ok(found.map(|found| Owner { lives: found.state().is_ok(), client: found.signed_in.session.client_id }))
}

/// The access token that `text` is, if its signature, its times, its session, user and client say that it is alive.
pub async fn access_token(app: &App, text: &str) -> Result<Result<LiveAccess, Dead>, Refusal> {
    let registry = snapshot(app)?;
    let now = app.clock.now();
    let claims = match verify_with_reason(app, &registry, text, now) {
        Ok(claims) => claims,
        Err(reason) => return Ok(Err(reason.into())),
    };
    let client = registry.client(claims.client_id.as_str()).map(Arc::as_ref);
    let client = match client_of(client, &claims) {
        Ok(client) => client,
        Err(dead) => return Ok(Err(dead)),
    };
    let Some(sid) = claims.sid else {
        // No session says that it lives, so it has to be the client's own, and what the client may still have.
        if !may_still_have(client, &claims, app.config.issuer.as_str()) {
            return Ok(Err(Dead::LostRight));
        }
        let lives = app.store.revoked_tokens().client_token_lives(&claims.client_id, claims.jti, claims.iat).await?;
        return Ok(if lives { Ok(LiveAccess { claims, user: None }) } else { Err(Dead::OwnRevoked) });
    };
    let with_profile = app.config.claims.scopes.keys().any(|word| claims.scope.contains(word));
    let Some(session) = app.store.sessions().find_of_token(sid, claims.jti, with_profile).await? else {
        return Ok(Err(Dead::NoSession));
    };
    let SessionOfToken { client_id, life, user, token_revoked } = session;
    let (user_id, user_is_disabled) = (user.id(), user.is_disabled());
    let facts = SessionFacts { client_id: &client_id, user_id, user_is_disabled, token_revoked, life };
    let judged = judge_session(&claims, &facts, now, &app.refresh_policy(client));
    Ok(judged.map(|()| LiveAccess { claims, user: Some(user) }))
}

/// The refresh token that `text` is, if presenting it would yield another. Never a reason to end its session.
pub async fn refresh_token(app: &App, text: &str) -> Result<Result<LiveRefresh, Dead>, Refusal> {
    let registry = snapshot(app)?;
    let token = match ParsedRefreshToken::parse(&app.refresh_keys, text) {
        Ok(token) => token,
        Err(reason) => return Ok(Err(reason.into())),
    };
    let found = presented(app, &registry, token.token.session_id).await?;
    Ok(found.ok_or(Dead::NoSession).and_then(|found| exchangeable(app, &registry, &token, found)))
}

fn exchangeable(
    app: &App,
    registry: &Snapshot,
    token: &ParsedRefreshToken,
    found: PresentedSession,
) -> Result<LiveRefresh, Dead> {
    found.refreshable()?;
    let verdict = found.verdict(token)?;
    if verdict != Verdict::Ahead || !registry.recovery_is_open(found.read_at()) {
        judge_verdict(verdict, || app.refresh_keys.find_current(&token.token, found.session()).is_some())?;
    }
    let scope = found.client()?.0.entitled(&found.session().scope).into_owned();
    let expires_at = found.ends_at()?;
    Ok(LiveRefresh { scope, issued_at: token.token.issued_at, expires_at, signed_in: found.signed_in })
}

/// The claims of an access token of ours, dead or alive, as long as it isn't expired. No database call.
pub fn verify(app: &App, registry: &Snapshot, text: &str, now: UnixTime) -> Option<Arc<AccessClaims>> {
    let verified = verify_with_reason(app, registry, text, now);
    verified.inspect_err(|reason| tracing::debug!(%reason, "an access token is refused")).ok()
}

/// As [`verify`], with the reason. A token whose `typ` says only that it is a JWT is an access token of a client that is registered
/// so: of any other client it may be anything that we sign (RFC 8725 §3.11).
pub fn verify_with_reason(
    app: &App,
    registry: &Snapshot,
    text: &str,
    now: UnixTime,
) -> Result<Arc<AccessClaims>, InvalidAccessToken> {
    app.verified_tokens.verify(text, &registry.keys, now).and_then(|verified| as_registered(registry, verified))
}

fn as_registered(
    registry: &Snapshot,
    Verified { claims, typ }: Verified,
) -> Result<Arc<AccessClaims>, InvalidAccessToken> {
    let registered = registry.client(claims.client_id.as_str()).map(|client| client.token_typ);
    if typ == TokenTyp::AccessToken || registered == Some(typ) { Ok(claims) } else { Err(InvalidAccessToken::Header) }
}

/// Whether this server is in the audience of a token. Without this check a resource server could use the tokens that it is
/// sent at our own endpoints (RFC 9068 §4, RFC 9700 §2.3).
pub fn is_for_us(app: &App, claims: &AccessClaims) -> bool {
    claims.is_for(app.config.issuer.as_str())
}

/// The claims of an access token of ours that is to be revoked: accepts a future `iat`, since revoking must
/// work before it becomes valid. No database call.
pub fn verify_for_revocation(app: &App, registry: &Snapshot, text: &str, now: UnixTime) -> Option<Arc<AccessClaims>> {
    let verified = app.verified_tokens.verify_early(text, &registry.keys, now);
    let claims = verified.and_then(|verified| as_registered(registry, verified));
    claims.inspect_err(|reason| tracing::debug!(%reason, "there is no access token to revoke")).ok()
}

/// Whether the text is neither a refresh token of ours nor signed by a published key. That is so too for a token whose key was
/// retired. No database call.
pub fn never_issued(app: &App, registry: &Snapshot, text: &str) -> bool {
    let verified = app.verified_tokens.verify(text, &registry.keys, app.clock.now());
    let signed = matches!(verified, Ok(_) | Err(InvalidAccessToken::Expired | InvalidAccessToken::NotYetValid));
    !signed && app.refresh_keys.open(text).is_err()
}
