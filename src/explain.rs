//! Why a token or a session is accepted, or isn't: for an operator, who may know what a caller may not.

mod explanation;
mod for_client;
mod visibility;

use std::cmp::Reverse;

use uuid::Uuid;

pub use self::explanation::Explanation;
pub use self::for_client::{Answered, answered};
use self::visibility::{at_userinfo, who_sees_access, who_sees_refresh};
use crate::app::{App, Snapshot};
use crate::audit::{AuditEvent, EventKind};
use crate::clock::Seconds;
use crate::domain::{Session, SessionId};
use crate::oauth::{Refusal, snapshot};
use crate::session::{Dead, ParsedRefreshToken, PresentedSession, presented};
use crate::store::audit_events::AuditFilter;
use crate::token::judge::Verdict;
use crate::token::refresh;
use crate::token_state::{self, LiveAccess};

/// Whether the text looks like anything that [`explain`] can explain.
pub fn is_explainable(text: &str) -> bool {
    let parts = text.split('.').count();
    // A JWS has three (RFC 7515 §7.1).
    text.starts_with(refresh::PREFIX) || parts == 3 || text.parse::<Uuid>().is_ok()
}

/// Explains an access token, a refresh token, or the id of a session or of an access token. Changes nothing.
pub async fn explain(app: &App, text: &str, history: i64) -> Result<Explanation, Refusal> {
    if text.starts_with(refresh::PREFIX) {
        return refresh_token(app, text, history).await;
    }
    match text.parse::<Uuid>() {
        Ok(id) => identifier(app, id, history).await,
        Err(_) => access_token(app, text, history).await,
    }
}

async fn refresh_token(app: &App, text: &str, history: i64) -> Result<Explanation, Refusal> {
    const WHAT: &str = "refresh token";
    let token = match ParsedRefreshToken::parse(&app.refresh_keys, text) {
        Ok(token) => token,
        Err(error) => return Ok(Explanation::of(WHAT, Err(error.to_string()))),
    };
    let (registry, id) = (snapshot(app)?, token.token.session_id);
    let Some(found) = presented(app, &registry, id).await? else {
        let gone = format!("its session {id} is not there: it ended long ago, or its user was removed");
        let history = app.store.audit().list(AuditFilter::Session(id), 0, history).await?;
        return Ok(Explanation { history, ..Explanation::of(WHAT, Err(gone)) });
    };
    let history = history_of(app, found.session(), history).await?;
    let verdict = session_state(&found).and_then(|_| verdict_on(app, &registry, &token, &found));
    let lives = token_state::refresh_token(app, text).await?.is_ok();
    let active_for = if lives { who_sees_refresh(&registry, &found.session().client_id) } else { Vec::new() };
    Ok(Explanation { active_for, history, ..Explanation::of(WHAT, verdict).with_session(found.session()) })
}

fn verdict_on(
    app: &App,
    registry: &Snapshot,
    token: &ParsedRefreshToken,
    found: &PresentedSession,
) -> Result<String, String> {
    found.refreshable().map_err(|dead| dead.to_string())?;
    let session = found.session();
    let (number, newest) = (token.token.generation, session.generation);
    let place = format!("it is number {number} of the session, the newest is {newest}");
    match found.verdict(token).map_err(|dead| dead.to_string())? {
        Verdict::Rotate => Ok(format!("{place}; it would be exchanged for the next one")),
        Verdict::Unrotated => Ok(format!("{place}; its client's refresh tokens do not rotate, so it stays the newest")),
        Verdict::Replay if app.refresh_keys.find_current(&token.token, session).is_none() => Err(format!(
            "{place}; it counts as a retry, but no configured master secret derives the newest one from it"
        )),
        Verdict::Replay => Ok(format!("{place}; it counts as a retry, and gets the newest one")),
        Verdict::Recover => Ok(format!("{place}; its successor was never used, so it would be exchanged again")),
        Verdict::Reuse => Err(format!("{place}; using it proves that somebody has a copy, and ends the session")),
        Verdict::Ahead if registry.recovery_is_open(found.read_at()) => {
            Ok(format!("{place}; it is ahead of the database, and the recovery window is open"))
        }
        Verdict::Ahead => Err(format!("{place}; it is ahead of the database, which has lost commits")),
    }
}

async fn access_token(app: &App, text: &str, history: i64) -> Result<Explanation, Refusal> {
    const WHAT: &str = "access token";
    let registry = snapshot(app)?;
    let now = app.clock.now();
    let claims = match token_state::verify_with_reason(app, &registry, text, now) {
        Ok(claims) => claims,
        Err(reason) => return Ok(Explanation::of(WHAT, Err(reason.to_string()))),
    };
    let verdict = token_state::access_token(app, text).await?;
    let mut explanation = match claims.sid {
        Some(sid) => of_session(app, &registry, sid, &verdict, history).await?,
        None => Explanation::of(WHAT, verdict.as_ref().map(|_| OWN_ALIVE.to_owned()).map_err(Dead::to_string)),
    };
    let mut of_token = app.store.audit().list(AuditFilter::Token(claims.jti), 0, history).await?;
    of_token.append(&mut explanation.history);
    Ok(Explanation {
        history: newest(of_token, history),
        client_id: Some(claims.client_id.to_string()),
        audience: claims.aud.clone(),
        scope: claims.scope.to_string(),
        active_for: verdict.as_ref().map_or_else(|_| Vec::new(), |access| who_sees_access(&registry, access)),
        userinfo: verdict.as_ref().ok().map(|access| at_userinfo(app, access)),
        ..explanation
    })
}

async fn of_session(
    app: &App,
    registry: &Snapshot,
    sid: SessionId,
    verdict: &Result<LiveAccess, Dead>,
    history: i64,
) -> Result<Explanation, Refusal> {
    const WHAT: &str = "access token";
    let Some(found) = presented(app, registry, sid).await? else {
        return Ok(Explanation::of(WHAT, Err(format!("its session {sid} is not there"))));
    };
    let told = match verdict {
        Ok(_) => Ok(ALIVE.to_owned()),
        // The session says more than that.
        Err(dead @ (Dead::NoClient | Dead::UserDisabled | Dead::SessionEnded | Dead::SessionExpired)) => {
            Err(session_state(&found).err().unwrap_or_else(|| dead.to_string()))
        }
        Err(dead) => Err(dead.to_string()),
    };
    let history = history_of(app, found.session(), history).await?;
    Ok(Explanation { history, ..Explanation::of(WHAT, told).with_session(found.session()) })
}

/// What is said of a token without a session.
const OWN_ALIVE: &str = "it is a client's own token, and neither it nor its client's tokens were revoked";

/// What is said of a session that may be used.
const ALIVE: &str = "its session, its user and its client are alive";

/// Access tokens are not kept, only which of them were revoked.
const NOT_KNOWN: &str = "no session has this id; if it is the jti of an access token, it tells only whether it was revoked by \
                         itself, and it was not: explain the token";

async fn identifier(app: &App, id: Uuid, history: i64) -> Result<Explanation, Refusal> {
    let registry = snapshot(app)?;
    if let Some(found) = presented(app, &registry, SessionId(id)).await? {
        let verdict = session_state(&found);
        let history = history_of(app, found.session(), history).await?;
        return Ok(Explanation { history, ..Explanation::of("session", verdict).with_session(found.session()) });
    }
    let mut events = app.store.audit().list(AuditFilter::Session(SessionId(id)), 0, history).await?;
    events.extend(app.store.audit().list(AuditFilter::Token(id), 0, history).await?);
    let because = match events.first() {
        Some(event) if event.jti == Some(id) => "this access token was revoked",
        Some(_) => "this session is not there any more",
        None => return Ok(Explanation::unknown("identifier", NOT_KNOWN.to_owned())),
    };
    Ok(Explanation { history: events, ..Explanation::of("identifier", Err(because.to_owned())) })
}

/// What happened to a session, and to its user since it began, the newest first.
async fn history_of(app: &App, session: &Session, limit: i64) -> Result<Vec<AuditEvent>, Refusal> {
    let mut events = app.store.audit().list(AuditFilter::Session(session.id), 0, limit).await?;
    let of_user = app.store.audit().list(AuditFilter::User(session.user_id), session.created_at, limit).await?;
    let attempts = [EventKind::SignInFailed, EventKind::Throttled].map(EventKind::as_str);
    events.extend(of_user.into_iter().filter(|event| event.session_id.is_none() && !attempts.contains(&&*event.kind)));
    Ok(newest(events, limit))
}

/// The newest of the events, the newest first. Those of one second stay in their order.
fn newest(mut events: Vec<AuditEvent>, limit: i64) -> Vec<AuditEvent> {
    events.sort_by_key(|event| Reverse(event.at));
    events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    events
}

/// Whether a session may be used, and why not, in numbers and names.
fn session_state(found: &PresentedSession) -> Result<String, String> {
    let (session, now) = (found.session(), found.read_at());
    if let Some(revoked) = session.revoked {
        return Err(format!("its session was ended {}: {}", ago(now - revoked.at), revoked.reason.as_str()));
    }
    match found.state() {
        Ok(()) => Ok(ALIVE.to_owned()),
        Err(Dead::NoClient) => Err(format!("its client {} was disabled or removed", session.client_id)),
        Err(Dead::UserDisabled) => Err(format!("its user {} is disabled", found.user().username)),
        Err(dead) => Err(found
            .ends_at()
            .map_or_else(|_| dead.to_string(), |ended| format!("its session expired {}", ago(now - ended)))),
    }
}

fn ago(seconds: Seconds) -> String {
    if seconds == 1 { "1 second ago".to_owned() } else { format!("{seconds} seconds ago") }
}
