//! Issuing: what an access token says (RFC 9068 §2.2, and the claims that the operator lists).

use serde_json::Value;

use super::refusal::{InvalidGrant, Refusal};
use super::requested::Granted;
use crate::app::{App, Snapshot};
use crate::clock::{Seconds, UnixTime};
use crate::domain::{Claims, Client, PlainSecret, Scope, Session, SessionId, TokenTyp, User, UserId};
use crate::keys::SigningKey;
use crate::random;
use crate::store::sessions::Rotated;
use crate::token::access::{self, AccessClaims, MAX_CLOCK_SKEW, SignError};

/// A successful answer, RFC 6749 §5.1.
#[derive(Debug)]
pub struct Issued {
    /// The signed access token.
    pub access_token: PlainSecret,
    /// Its lifetime.
    pub expires_in: Seconds,
    /// Its scope.
    pub scope: Scope,
    /// The refresh token, where there is one.
    pub refresh: Option<IssuedRefresh>,
    /// What makes the device of a sign-in a known one.
    pub device: Option<IssuedDevice>,
}

/// A device token on its way to its device.
#[derive(Debug)]
pub struct IssuedDevice {
    /// Whose device it is.
    pub user_id: UserId,
    /// The token.
    pub token: PlainSecret,
    /// For how long it is good.
    pub lifetime: Seconds,
}

/// A refresh token on its way to its client.
#[derive(Debug)]
pub struct IssuedRefresh {
    /// The token.
    pub token: PlainSecret,
    /// For how long it is good if it isn't used.
    pub lifetime: Seconds,
    /// What the judge said, for the client's developer; a first token wasn't judged.
    pub verdict: Option<&'static str>,
}

/// What an access token is about to say.
pub struct Subject<'a> {
    /// The client that asks for it.
    pub client: &'a Client,
    /// Who signed in; the client acts for itself without.
    pub user: Option<SignedInUser>,
    /// When the session ends unless it is used again; [`crate::clock::NEVER`] if it doesn't, or there is none.
    pub session_ends_at: UnixTime,
    /// Its scope and its audience.
    pub granted: Granted<'a>,
}

/// The user of an access token, and the session.
pub struct SignedInUser {
    /// The user.
    pub id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// When the user last proved who they are.
    pub auth_time: UnixTime,
    /// What the operator wants access tokens to say of the user.
    pub claims: Claims,
}

impl SignedInUser {
    /// Of a session and its user.
    pub fn of(app: &App, session: &Session, user: &User) -> Self {
        let claims = operator_claims(app, user);
        Self { id: user.id, session_id: session.id, auth_time: session.auth_time, claims }
    }

    /// Of a session that was exchanged just now. The user is read only where access tokens have user claims.
    pub async fn of_rotated(app: &App, rotated: &Rotated) -> Result<Self, Refusal> {
        let &Rotated { session_id, user_id: id, auth_time, .. } = rotated;
        let claims = if app.config.claims.access_token.is_empty() {
            Claims::default()
        } else {
            let signed_in = app.store.sessions().find(session_id).await?.ok_or(InvalidGrant::NoSession)?;
            operator_claims(app, &signed_in.user)
        };
        Ok(Self { id, session_id, auth_time, claims })
    }
}

/// Issues a signed access token. Its lifetime is the client's, but no longer than the session's.
pub fn issue(app: &App, snapshot: &Snapshot, subject: Subject<'_>, now: UnixTime) -> Result<Issued, Refusal> {
    let client = subject.client;
    let user = subject.user;
    let lifetime = client.access_lifetime.unwrap_or(app.config.tokens.access_lifetime);
    let end = now.saturating_add(lifetime).min(subject.session_ends_at);
    let scope = subject.granted.scope.into_owned();
    let claims = AccessClaims {
        iss: app.config.issuer.as_str().to_owned(),
        sub: user.as_ref().map_or_else(|| client.id.to_string(), |user| user.id.to_string()),
        aud: subject.granted.audience,
        exp: end,
        iat: if user.is_none() { issued_at(client, now)? } else { now },
        jti: random::uuid(),
        client_id: client.id.clone(),
        scope: scope.clone(),
        sid: user.as_ref().map(|user| user.session_id),
        auth_time: user.as_ref().map(|user| user.auth_time),
        extra: user.map(|user| user.claims).unwrap_or_default(),
    };
    let no_key = || Refusal::Failed("there is no signing key that signs yet".to_owned());
    let key = snapshot.keys.signer(now).ok_or_else(no_key)?;
    let access_token = signed(claims, client.token_typ, key).map_err(|error| Refusal::Failed(error.to_string()))?;
    Ok(Issued { access_token, expires_in: end.saturating_sub(now), scope, refresh: None, device: None })
}

/// When a client's own token is issued. One of this very second would fall under a revocation of this very second.
fn issued_at(client: &Client, now: UnixTime) -> Result<UnixTime, Refusal> {
    let iat = now.max(client.tokens_revoked_at.saturating_add(1));
    if iat > now.saturating_add(MAX_CLOCK_SKEW) {
        let reason = "the client's tokens are revoked up to a moment that is yet to come";
        return Err(Refusal::Unavailable(reason.to_owned()));
    }
    Ok(iat)
}

/// The signed token, without the largest of the user's claims where nobody would accept one with all of them: a user who has too
/// many of something is still a user.
fn signed(mut claims: AccessClaims, typ: TokenTyp, key: &SigningKey) -> Result<PlainSecret, SignError> {
    loop {
        let outcome = access::sign(&claims, typ, key);
        if outcome.as_ref().err() != Some(&SignError::TooLong) {
            return outcome;
        }
        let Some(name) = largest(&claims.extra) else { return outcome };
        tracing::warn!(user = claims.sub, client = %claims.client_id, claim = name, "a claim is too large for an access token, and left out");
        claims.extra.remove(&name);
    }
}

/// The claim that takes the most of a token.
fn largest(claims: &Claims) -> Option<String> {
    let length = |name: &String, value: &Value| name.len() + value.to_string().len();
    claims.iter().max_by_key(|(name, value)| length(name, value)).map(|(name, _)| name.clone())
}

/// The user's claims that the operator wants in access tokens.
fn operator_claims(app: &App, user: &User) -> Claims {
    let names = &app.config.claims.access_token;
    names.iter().filter_map(|name| Some((name.clone(), user.claim(name)?))).collect()
}
