//! `grant_type=refresh_token`, RFC 6749 §6, and `/refresh`: the judge's verdict carried out (docs/design.md#verdicts).

mod plan;
mod rotate;

use self::plan::{is_stored_as_used, name, plan};
use super::TokenRequest;
use crate::app::{App, Snapshot};
use crate::audit::{Actor, AuditEvent, EventKind};
use crate::clock::UnixTime;
use crate::domain::{Client, Grant, PlainSecret, RefreshPolicy, RequestContext, RevokedReason, Session};
use crate::oauth::issue::{SignedInUser, Subject};
use crate::oauth::params::InvalidParameters;
use crate::oauth::{InvalidGrant, Issued, IssuedRefresh, Refusal, Requested, issue, snapshot, throttled};
use crate::session::{Dead, ParsedRefreshToken, PresentedSession, presented};
use crate::store::StoreError;
use crate::throttle::Failures;
use crate::token::judge::{Verdict, effective_expiry, expiry_after_use};

/// How often a token is judged again when another exchange of its session came first.
const ATTEMPTS: usize = 64;

/// How often a write is repeated after its connection broke. If it was committed after all, the repetition ends as a replay.
const UNKNOWN_OUTCOMES: usize = 2;

/// An exchange.
pub struct Refresh<'a> {
    /// The authenticated client; without one only a public client's tokens are exchanged.
    pub client: Option<&'a Client>,
    /// The refresh token as it was sent.
    pub token: &'a str,
    /// What is asked for.
    pub requested: Requested<'a>,
    /// Who asks.
    pub request_context: &'a RequestContext,
}

pub(super) async fn carry_out(app: &App, request: TokenRequest<'_>) -> Result<Issued, Refusal> {
    let token = request.params.word("refresh_token")?;
    let refresh = Refresh {
        client: Some(request.client),
        token: token.ok_or(InvalidParameters("The refresh_token is missing.".into()))?,
        requested: request.requested,
        request_context: request.request_context,
    };
    grant(app, refresh).await
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
    if let Some(client) = refresh.client {
        client.require_grant(Grant::RefreshToken)?;
    }
    let Ok(token) = ParsedRefreshToken::parse(&app.refresh_keys, refresh.token) else {
        return Err(not_ours(app, refresh.request_context).await);
    };
    let (began_at, mut repeated_since, mut unknown_outcomes) = (app.clock.now(), None, 0);
    let mut attempted = rotate::attempt(app, &refresh, &token).await?;
    for _ in 0..ATTEMPTS {
        let attempted = match attempted.take() {
            Some(attempted) => attempted,
            None => attempt(app, &refresh, &token, repeated_since).await?,
        };
        match attempted {
            Attempt::Issued(verdict, issued) => return Ok((verdict, *issued)),
            Attempt::Overtaken => {}
            Attempt::Unknown(error) if unknown_outcomes < UNKNOWN_OUTCOMES => {
                unknown_outcomes += 1;
                repeated_since = repeated_since.or_else(|| error.is_of_lost_connection().then_some(began_at));
            }
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

/// `repeated_since` is when this request began, if it has made a write whose outcome is unknown.
async fn attempt(
    app: &App,
    refresh: &Refresh<'_>,
    token: &ParsedRefreshToken,
    repeated_since: Option<UnixTime>,
) -> Result<Attempt, Refusal> {
    let registry = snapshot(app)?;
    let found = presented(app, &registry, token.token.session_id).await?.ok_or(InvalidGrant::NoSession)?;
    let (session, now) = (found.session(), found.read_at());
    let (client, policy) = owner(refresh.client, &found)?;
    let verdict = verdict(&found, token, repeated_since)?;
    end_on_reuse(app, &registry, session, verdict, refresh.request_context).await?;
    let granted = refresh.requested.narrow(&session.scope, &session.audience, client, &app.config)?;
    let session_ends_at = if is_stored_as_used(session.last_used_at, verdict, now, policy) {
        expiry_after_use(session.life(), now, policy)
    } else {
        effective_expiry(session.life(), policy)
    };
    let user = Some(SignedInUser::of(app, session, found.user()));
    let subject = Subject { client, user, session_ends_at, granted };
    let (exchange, successor) = plan(&app.refresh_keys, token, session, verdict, policy, now)?;
    // Signed before anything is stored: a failure here must not use the refresh token up.
    let issued = issued(app, &registry, subject, verdict, successor, now)?;
    let Some(exchange) = exchange else { return Ok(issued) };
    let stored = match verdict {
        Verdict::Recover => {
            let acting = app.acting(Actor::Client(client.id.clone()), refresh.request_context);
            let event = of_session(acting.event(EventKind::RefreshRecovered), session);
            app.store.sessions().exchange_and_record(session.id, &exchange, event).await
        }
        _ => app.store.sessions().exchange(session.id, &exchange).await,
    };
    match stored {
        Ok(true) => Ok(issued),
        Ok(false) => Ok(Attempt::Overtaken),
        Err(error) if error.is_of_connection() => Ok(Attempt::Unknown(error)),
        Err(error) => Err(error.into()),
    }
}

/// The judge's verdict. What this request has exchanged itself, by the write whose outcome it doesn't know, is a replay also where the
/// client has no window.
fn verdict(
    found: &PresentedSession,
    token: &ParsedRefreshToken,
    repeated_since: Option<UnixTime>,
) -> Result<Verdict, InvalidGrant> {
    let verdict = found.verdict(token).map_err(invalid_grant)?;
    let session = found.session();
    let is_own = session.parent_hash == Some(token.presented.hash)
        && repeated_since.is_some_and(|began_at| session.rotated_at >= began_at);
    Ok(if is_own { Verdict::Replay } else { verdict })
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
    let lifetime = subject.session_ends_at.saturating_sub(now);
    let refresh = Some(IssuedRefresh { token, lifetime, verdict: Some(name(verdict)) });
    let issued = issue(app, registry, subject, now)?;
    Ok(Attempt::Issued(verdict, Box::new(Issued { refresh, ..issued })))
}

/// The session's client and how its tokens behave, if it is the client that asks, and the session may be refreshed.
fn owner<'a>(
    asking: Option<&Client>,
    found: &'a PresentedSession,
) -> Result<(&'a Client, &'a RefreshPolicy), InvalidGrant> {
    let (client, policy) = found.client().map_err(invalid_grant)?;
    let is_asking = match asking {
        Some(asking) => asking.id == client.id,
        None => client.is_public(),
    };
    if !is_asking {
        return Err(InvalidGrant::OtherClient);
    }
    found.refreshable().map_err(invalid_grant)?;
    Ok((client, policy))
}

/// The error of a session that can't be refreshed.
fn invalid_grant(dead: Dead) -> InvalidGrant {
    match dead {
        Dead::NoClient | Dead::NoGrant => InvalidGrant::OtherClient,
        Dead::UserDisabled => InvalidGrant::UserDisabled,
        _ => InvalidGrant::Ended,
    }
}

/// Ends the session on proof of theft, and lets a token that is ahead of the database pass only while an operator
/// recovers from a loss of commits.
async fn end_on_reuse(
    app: &App,
    registry: &Snapshot,
    session: &Session,
    verdict: Verdict,
    request_context: &RequestContext,
) -> Result<(), Refusal> {
    let (client, user) = (&session.client_id, session.user_id);
    let acting = app.acting(Actor::Client(client.clone()), request_context);
    match verdict {
        Verdict::Reuse => {
            let now = acting.at;
            app.store.by(acting).sessions().revoke(session.id, RevokedReason::Reuse, now).await?;
            tracing::warn!(session = %session.id, %client, %user, "refresh token reuse: the session is ended");
        }
        Verdict::Ahead if registry.recovery_is_open(acting.at) => return Ok(()),
        Verdict::Ahead => {
            app.record_failure(of_session(acting.event(EventKind::RefreshAhead), session)).await;
            tracing::error!(
                session = %session.id, %client, %user,
                "a refresh token is ahead of the database, which has lost commits"
            );
        }
        Verdict::Rotate | Verdict::Unrotated | Verdict::Replay | Verdict::Recover => return Ok(()),
    }
    Err(InvalidGrant::Verdict(verdict).into())
}

fn of_session(event: AuditEvent, session: &Session) -> AuditEvent {
    event.user(session.user_id).client(&session.client_id).session(session.id)
}

#[cfg(test)]
mod tests;
