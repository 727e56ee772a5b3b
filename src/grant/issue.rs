//! Access tokens as they are issued: RFC 9068 §2.2, and what DESIGN.md §2 adds.

use super::Refusal;
use crate::app::{App, Snapshot};
use crate::clock::{Seconds, UnixTime};
use crate::domain::{Claims, Client, PlainSecret, Scope, Session, User};
use crate::random;
use crate::token::access::{self, AccessClaims};

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
pub(super) struct Subject<'a> {
    /// The client that asks for it.
    pub client: &'a Client,
    /// The user and the session; the client acts for itself without.
    pub signed_in: Option<(&'a Session, &'a User)>,
    /// When the session ends unless it is used again; [`crate::clock::NEVER`] if it doesn't, or there is none.
    pub session_ends_at: UnixTime,
    /// What it grants.
    pub scope: &'a Scope,
    /// For whom it is.
    pub audience: Vec<String>,
}

/// Signs an access token. The lifetime is the client's, but no longer than the session's.
pub(super) fn access_token(
    app: &App,
    snapshot: &Snapshot,
    subject: Subject<'_>,
    now: UnixTime,
) -> Result<(PlainSecret, Seconds), Refusal> {
    let client = subject.client;
    let session = subject.signed_in.map(|(session, _)| session);
    let lifetime = client.access_lifetime.unwrap_or(app.config.tokens.access_lifetime);
    let end = now.saturating_add(lifetime).min(subject.session_ends_at);
    let claims = AccessClaims {
        iss: app.config.issuer.as_str().to_owned(),
        sub: subject.signed_in.map_or_else(|| client.id.to_string(), |(_, user)| user.id.to_string()),
        aud: subject.audience,
        exp: end,
        // A token of this very second would fall under a revocation of this very second.
        iat: if session.is_none() { now.max(client.tokens_revoked_at.saturating_add(1)) } else { now },
        jti: random::uuid(),
        client_id: client.id.clone(),
        scope: subject.scope.clone(),
        sid: session.map(|session| session.id),
        auth_time: session.map(|session| session.auth_time),
        extra: subject.signed_in.map(|(_, user)| operator_claims(app, user)).unwrap_or_default(),
    };
    let no_key = || Refusal::Failed("there is no signing key that signs yet".to_owned());
    let key = snapshot.keys.signer(now).ok_or_else(no_key)?;
    let token = access::sign(&claims, key).map_err(|error| Refusal::Failed(error.to_string()))?;
    Ok((token, end.saturating_sub(now)))
}

/// The user's claims that the operator wants in access tokens.
fn operator_claims(app: &App, user: &User) -> Claims {
    let names = &app.config.claims.access_token;
    names.iter().filter_map(|name| Some((name.clone(), user.claim(name)?))).collect()
}
