//! What a verdict comes to: what is stored, which refresh token is answered, and what the answer says. Pure.

use crate::clock::UnixTime;
use crate::domain::{Exchange, PlainSecret, RefreshPolicy, Session};
use crate::oauth::InvalidGrant;
use crate::session::ParsedRefreshToken;
use crate::token::judge::Verdict;
use crate::token::refresh::RefreshKeys;

/// How much longer an unrotated session's life must become to be worth a write, as a part of its idle lifetime.
const TOUCH_PART: i64 = 100;

/// What follows from the verdict: what to store, if anything, and the refresh token to answer with.
pub(super) fn plan(
    keys: &RefreshKeys,
    token: &ParsedRefreshToken,
    session: &Session,
    verdict: Verdict,
    policy: &RefreshPolicy,
    now: UnixTime,
) -> Result<(Option<Exchange>, PlainSecret), InvalidGrant> {
    if matches!(verdict, Verdict::Replay | Verdict::Unrotated) {
        let current = keys.find_current(&token.token, session).ok_or(InvalidGrant::Underivable)?;
        let touch = is_stored_as_used(session.last_used_at, verdict, now, policy);
        return Ok((touch.then(|| Exchange::touch(session, now, policy)), current));
    }
    let (exchange, successor) = Exchange::plan(keys, &token.token, &token.presented, session, now, policy);
    Ok((Some(exchange), successor))
}

/// Whether this refresh puts the session's end off. A replay doesn't: the exchange that it repeats did. Without rotation a
/// refresh needs no write, but a session that is used must not end as idle.
pub(super) fn is_stored_as_used(
    last_used_at: UnixTime,
    verdict: Verdict,
    now: UnixTime,
    policy: &RefreshPolicy,
) -> bool {
    let is_worth_a_touch = now.saturating_sub(last_used_at) > policy.idle_lifetime / TOUCH_PART;
    match verdict {
        Verdict::Replay | Verdict::Unrotated => !policy.rotation && is_worth_a_touch,
        Verdict::Rotate | Verdict::Recover | Verdict::Reuse | Verdict::Ahead => true,
    }
}

/// What `Refresh-Verdict` says.
pub(super) fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Replay => "replay",
        Verdict::Recover => "recover",
        Verdict::Unrotated => "unrotated",
        Verdict::Rotate | Verdict::Reuse | Verdict::Ahead => "rotate",
    }
}
