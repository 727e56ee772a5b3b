//! `grant_type=refresh_token`, RFC 6749 §6, and `/refresh`: the judge's verdict carried out (DESIGN.md §3).

mod rotate;

use super::issue::{self, SignedInUser, Subject};
use super::{InvalidGrant, Issued, IssuedRefresh, Refusal, audience, scope, snapshot, throttled};
use crate::app::{App, Snapshot};
use crate::audit::{Actor, AuditEvent, EventKind};
use crate::clock::UnixTime;
use crate::domain::{Client, Exchange, Grant, PlainSecret, RefreshPolicy, RequestContext, RevokedReason, Session};
use crate::store::StoreError;
use crate::store::sessions::SignedIn;
use crate::throttle::Failures;
use crate::token::judge::{Presented, Verdict, effective_expiry, expiry_after_use, is_alive, judge};
use crate::token::refresh::RefreshToken;

/// How often a token is judged again when another exchange of its session came first. Each time somebody got further.
const ATTEMPTS: usize = 64;

/// How often a write is tried again whose answer was lost with its connection: if it was done after all, that ends as a replay.
const UNKNOWN_OUTCOMES: usize = 2;

/// How much longer an unrotated session's life must become to be worth a write, as a part of its idle lifetime.
const TOUCH_PART: i64 = 100;

/// An exchange.
pub struct Refresh<'a> {
    /// The authenticated client; without one only a public client's tokens are exchanged.
    pub client: Option<&'a Client>,
    /// The refresh token as it was sent.
    pub token: &'a str,
    /// The scope that is asked for.
    pub scope: Option<&'a str>,
    /// The resources that are asked for.
    pub resources: Vec<&'a str>,
    /// Who asks.
    pub request_context: &'a RequestContext,
}

/// A token of ours, and what the judge looks at of it.
struct Opened {
    token: RefreshToken,
    presented: Presented,
}

/// Exchanges a refresh token, and counts the verdict once, however often it had to be judged.
pub async fn grant(app: &App, refresh: Refresh<'_>) -> Result<Issued, Refusal> {
    let outcome = exchange(app, refresh).await;
    match &outcome {
        Ok((verdict, _)) | Err(Refusal::InvalidGrant(InvalidGrant::Verdict(verdict))) => {
            app.metrics.refreshes.count(*verdict);
        }
        Err(_) => {}
    }
    outcome.map(|(_, issued)| issued)
}

async fn exchange(app: &App, refresh: Refresh<'_>) -> Result<(Verdict, Issued), Refusal> {
    let may_refresh = refresh.client.is_none_or(|client| client.may_use(Grant::RefreshToken));
    if !may_refresh {
        return Err(Refusal::UnauthorizedClient("the client lacks the refresh_token grant"));
    }
    let Ok(token) = app.refresh_keys.open(refresh.token) else {
        return Err(not_ours(app, refresh.request_context).await);
    };
    let hash = PlainSecret::new(refresh.token.to_owned()).hash();
    let opened = Opened { presented: Presented::new(&token, hash), token };
    let mut unknown_outcomes = 0;
    let mut attempted = rotate::attempt(app, &refresh, &opened).await?;
    for _ in 0..ATTEMPTS {
        let attempted = match attempted.take() {
            Some(attempted) => attempted,
            None => attempt(app, &refresh, &opened).await?,
        };
        match attempted {
            Attempt::Issued(verdict, issued) => return Ok((verdict, *issued)),
            Attempt::Overtaken => {}
            Attempt::Unknown(_) if unknown_outcomes < UNKNOWN_OUTCOMES => unknown_outcomes += 1,
            Attempt::Unknown(error) => return Err(error.into()),
        }
    }
    Err(Refusal::Unavailable("the session is exchanged too often at once".to_owned()))
}

/// A token that we never made. Counted: too many from one address are refused.
async fn not_ours(app: &App, request_context: &RequestContext) -> Refusal {
    let now = app.clock.now();
    let counted = app.throttle.as_ref().map(|throttle| throttle.forged_refresh_token(request_context.address, now));
    match counted {
        Some(Err(refused)) => throttled(app, Failures::RefreshTokens, refused, request_context).await,
        Some(Ok(())) | None => InvalidGrant::NotOurs.into(),
    }
}

/// How one look at the row and one write ended.
enum Attempt {
    /// With tokens.
    Issued(Verdict, Box<Issued>),
    /// The row changed between the two.
    Overtaken,
    /// The write may or may not have been done.
    Unknown(StoreError),
}

async fn attempt(app: &App, refresh: &Refresh<'_>, opened: &Opened) -> Result<Attempt, Refusal> {
    let registry = snapshot(app)?;
    let signed_in = app.store.sessions().find(opened.token.session_id).await?.ok_or(InvalidGrant::NoSession)?;
    let SignedIn { session, user } = &signed_in;
    let client = owner(&registry, refresh.client, session)?;
    let policy = app.refresh_policy(client);
    let now = app.clock.now();
    if user.disabled_at.is_some() {
        return Err(InvalidGrant::UserDisabled.into());
    }
    if !is_alive(session.life(), now, &policy) {
        return Err(InvalidGrant::Ended.into());
    }
    let verdict = judge(&opened.presented, session, now, &policy);
    condemn(app, &registry, session, verdict, refresh.request_context).await?;

    let scope = scope::refreshed(refresh.scope, &session.scope, client)?;
    let granted = granted_audience(app, client, &session.audience, &refresh.resources)?;
    let session_ends_at = if is_stored_as_used(session, verdict, now, &policy) {
        expiry_after_use(session.life(), now, &policy)
    } else {
        effective_expiry(session.life(), &policy)
    };
    let user = Some(SignedInUser::of(app, session, user));
    let subject = Subject { client, user, session_ends_at, scope, audience: granted };
    let (exchange, token) = plan(app, opened, session, verdict, &policy, now)?;
    // Signed before anything is stored: a failure here must not use the refresh token up.
    let issued = issued(app, &registry, subject, verdict, token, now)?;
    if let Some(exchange) = exchange {
        let acting = || app.acting(Actor::Client(client.id.clone()), refresh.request_context);
        let stored = match verdict {
            Verdict::Recover => {
                let event = of_session(acting().event(EventKind::RefreshRecovered), session);
                app.store.sessions().exchange_and_record(session.id, &exchange, event).await
            }
            _ => app.store.sessions().exchange(session.id, &exchange).await,
        };
        match stored {
            Ok(true) => {}
            Ok(false) => return Ok(Attempt::Overtaken),
            Err(error) if error.is_of_connection() => return Ok(Attempt::Unknown(error)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(issued)
}

/// The answer to a refresh, with an access token for `subject` and the refresh token `token`.
fn issued(
    app: &App,
    registry: &Snapshot,
    subject: Subject<'_>,
    verdict: Verdict,
    token: PlainSecret,
    now: UnixTime,
) -> Result<Attempt, Refusal> {
    let (scope, lifetime) = (subject.scope.clone().into_owned(), subject.session_ends_at.saturating_sub(now));
    let (access_token, expires_in) = issue::access_token(app, registry, subject, now)?;
    let refresh = Some(IssuedRefresh { token, lifetime, verdict: Some(name(verdict)) });
    Ok(Attempt::Issued(verdict, Box::new(Issued { access_token, expires_in, scope, refresh, device: None })))
}

/// The session's client, if it is the one that asks.
fn owner<'a>(registry: &'a Snapshot, asking: Option<&Client>, session: &Session) -> Result<&'a Client, Refusal> {
    let client = registry.client(session.client_id.as_str()).ok_or(InvalidGrant::OtherClient)?;
    let is_asking = match asking {
        Some(asking) => asking.id == client.id,
        None => client.is_public(),
    };
    if !is_asking || !client.may_use(Grant::RefreshToken) {
        return Err(InvalidGrant::OtherClient.into());
    }
    Ok(client)
}

/// Ends the session on proof of theft, and lets a token that is ahead of the database pass only while an operator
/// recovers from a loss of commits.
async fn condemn(
    app: &App,
    registry: &Snapshot,
    session: &Session,
    verdict: Verdict,
    request_context: &RequestContext,
) -> Result<(), Refusal> {
    let acting = app.acting(Actor::Client(session.client_id.clone()), request_context);
    match verdict {
        Verdict::Reuse => {
            let now = acting.at;
            app.store.by(acting).sessions().revoke(session.id, RevokedReason::Reuse, now).await?;
            tracing::warn!(session = %session.id, client = %session.client_id, "refresh token reuse: the session is ended");
        }
        Verdict::Ahead if registry.recovery_is_open(acting.at) => return Ok(()),
        Verdict::Ahead => {
            app.record_failure(of_session(acting.event(EventKind::RefreshAhead), session)).await;
            tracing::error!(session = %session.id, "a refresh token is ahead of the database, which has lost commits");
        }
        Verdict::Rotate | Verdict::Unrotated | Verdict::Replay | Verdict::Recover => return Ok(()),
    }
    Err(InvalidGrant::Verdict(verdict).into())
}

fn of_session(event: AuditEvent, session: &Session) -> AuditEvent {
    event.user(session.user_id).client(&session.client_id).session(session.id)
}

/// What follows from the verdict: what to store, if anything, and the refresh token to answer with.
fn plan(
    app: &App,
    opened: &Opened,
    session: &Session,
    verdict: Verdict,
    policy: &RefreshPolicy,
    now: UnixTime,
) -> Result<(Option<Exchange>, PlainSecret), Refusal> {
    let keys = &app.refresh_keys;
    if matches!(verdict, Verdict::Replay | Verdict::Unrotated) {
        let current = keys.find_current(&opened.token, session).ok_or(InvalidGrant::Underivable)?;
        let touch = is_stored_as_used(session, verdict, now, policy);
        return Ok((touch.then(|| Exchange::touch(session, now, policy)), current));
    }
    let (exchange, successor) = Exchange::plan(keys, &opened.token, &opened.presented, session, now, policy);
    Ok((Some(exchange), successor))
}

/// Whether this refresh puts the session's end off. A replay doesn't: the exchange that it repeats did. Without rotation a
/// refresh needs no write, but a session that is used must not end as idle.
fn is_stored_as_used(session: &Session, verdict: Verdict, now: UnixTime, policy: &RefreshPolicy) -> bool {
    let is_worth_a_touch = now.saturating_sub(session.last_used_at) > policy.idle_lifetime / TOUCH_PART;
    match verdict {
        Verdict::Replay | Verdict::Unrotated => !policy.rotation && is_worth_a_touch,
        Verdict::Rotate | Verdict::Recover | Verdict::Reuse | Verdict::Ahead => true,
    }
}

/// Never wider than the sign-in, nor than what the client may have by now. When the client has lost all of it, no other
/// request would do better: the user has to sign in again.
fn granted_audience(
    app: &App,
    client: &Client,
    audience: &[String],
    resources: &[&str],
) -> Result<Vec<String>, Refusal> {
    let mut allowed = audience::allowed(client, &app.config);
    allowed.push(app.config.issuer.as_str().to_owned());
    let kept: Vec<String> = audience.iter().filter(|name| allowed.contains(name)).cloned().collect();
    if kept.is_empty() {
        return Err(InvalidGrant::NoAudience.into());
    }
    audience::requested(resources, &kept)
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Replay => "replay",
        Verdict::Recover => "recover",
        Verdict::Unrotated => "unrotated",
        Verdict::Rotate | Verdict::Reuse | Verdict::Ahead => "rotate",
    }
}
