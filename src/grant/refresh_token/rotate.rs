//! The usual refresh, in one statement: a client that is known presents the current token of a living session.

use super::{Attempt, Refresh, issued};
use crate::app::App;
use crate::clock::UnixTime;
use crate::domain::{Client, Recovery, RefreshPolicy, Rotation};
use crate::oauth::issue::{SignedInUser, Subject};
use crate::oauth::{Refusal, snapshot};
use crate::session::ParsedRefreshToken;
use crate::store::sessions::Rotated;
use crate::token::judge::{Verdict, expiry_after_use};

/// Exchanges the token, if it turns out to be current. `None` says that it has to be judged.
pub(super) async fn attempt(
    app: &App,
    refresh: &Refresh<'_>,
    parsed: &ParsedRefreshToken,
) -> Result<Option<Attempt>, Refusal> {
    let Some(client) = refresh.client.filter(|_| refresh.requested.is_for_all()) else { return Ok(None) };
    let (registry, now, policy) = (snapshot(app)?, app.clock.now(), app.refresh_policy(client));
    if !may_come_again(&policy) || registry.keys.signer(now).is_none() {
        return Ok(None);
    }
    let (rotation, token) =
        Rotation::plan(&app.refresh_keys, &parsed.token, &parsed.presented, &client.id, now, &policy);
    match app.store.sessions().rotate(rotation).await {
        Ok(Some(rotated)) => {
            let subject = subject(app, refresh, client, &rotated, now, &policy).await?;
            issued(app, &registry, subject, Verdict::Rotate, token, now).map(Some)
        }
        Ok(None) => Ok(None),
        Err(error) if error.is_of_connection() => Ok(Some(Attempt::Unknown(error))),
        Err(error) => Err(error.into()),
    }
}

/// Whether a client that got no answer may send its token again however late, since the successor was never used. The access
/// token is signed when the refresh token is used up already, and a failure to sign it must not be the end of the session.
fn may_come_again(policy: &RefreshPolicy) -> bool {
    policy.rotation && policy.recovery == Recovery::On
}

async fn subject<'a>(
    app: &App,
    refresh: &Refresh<'_>,
    client: &'a Client,
    rotated: &'a Rotated,
    now: UnixTime,
    policy: &RefreshPolicy,
) -> Result<Subject<'a>, Refusal> {
    Ok(Subject {
        client,
        user: Some(SignedInUser::of_rotated(app, rotated).await?),
        session_ends_at: expiry_after_use(rotated.life, now, policy),
        granted: refresh.requested.narrow(&rotated.scope, &rotated.audience, client, &app.config)?,
    })
}
