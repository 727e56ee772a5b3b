//! What a presented refresh token means (`docs/design.md#verdicts`). A pure function of the token, the row, the time and the policy:
//! who may ask, and whether the session is alive, is settled before; what follows from a verdict is [`Exchange`].

mod exchange;
mod lifetime;
#[cfg(test)]
mod tests;

pub use crate::domain::{Exchange, Rotation};
pub use exchange::apply;
pub use lifetime::{effective_expiry, expiry_after_use, is_alive};

use super::refresh::RefreshToken;
use crate::clock::{Seconds, UnixTime};
use crate::domain::{Recovery, RefreshPolicy, SecretHash, Session};

/// What the judge looks at of a presented token. The tag was checked before, so generation and time are ours.
#[derive(Clone, Copy, Debug)]
pub struct Presented {
    /// The hash of its text.
    pub hash: SecretHash,
    /// Which refresh token of the session it says it is.
    pub generation: i64,
    /// When it was made.
    pub issued_at: UnixTime,
}

impl Presented {
    /// What there is to judge of `token`, whose text hashes to `hash`.
    pub fn new(token: &RefreshToken, hash: SecretHash) -> Self {
        Self { hash, generation: token.generation, issued_at: token.issued_at }
    }
}

/// What a presented token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the current token: exchange it.
    Rotate,
    /// It is the current token, and rotation is off: it stays current.
    Unrotated,
    /// It is a retry: answer with the current token, change nothing about which token that is.
    Replay,
    /// Its successor was never used, so the client never got it: exchange it again, the unused one becomes an orphan.
    Recover,
    /// It was exchanged long ago: theft or a clone. End the session.
    Reuse,
    /// The row is older than the token: the database lost commits. Refuse, alarm, revoke nothing.
    Ahead,
}

/// The verdict on `presented`, whose session's row is `session`. The session must be alive ([`is_alive`]).
///
/// With `policy.rotation` off only the current token is treated otherwise: it stays current, which is `Unrotated`. Tokens from
/// before the switch keep their meaning: a parent is a retry inside the window and a `Recover` after it. So a client that lost
/// our last answer gets one more new token and keeps it, and reuse of an older copy is still noticed.
pub fn judge(presented: &Presented, session: &Session, now: UnixTime, policy: &RefreshPolicy) -> Verdict {
    if presented.hash == session.current_hash {
        return if policy.rotation { Verdict::Rotate } else { Verdict::Unrotated };
    }
    if session.parent_hash == Some(presented.hash) {
        return match policy.recovery {
            _ if age(session.rotated_at, now) < policy.reuse_window => Verdict::Replay,
            Recovery::On => Verdict::Recover,
            Recovery::Strict => Verdict::Reuse,
        };
    }
    if presented.generation > session.generation {
        return Verdict::Ahead;
    }
    if may_be_a_retry(presented, session, now, policy.reuse_window) { Verdict::Replay } else { Verdict::Reuse }
}

/// Whether an ancestor or orphan may have been exchanged within the last `window`: certainly not refused if it was,
/// certainly refused if that was two windows ago.
fn may_be_a_retry(presented: &Presented, session: &Session, now: UnixTime, window: Seconds) -> bool {
    // Both happened before the current token was made. A later time is from before the clock was set back, and would
    // count as young until the clock is there again.
    let known = |time: UnixTime| time.min(session.rotated_at);
    let young = age(known(presented.issued_at), now) < window.saturating_mul(2);
    let anchored = session
        .anchor
        .is_some_and(|anchor| anchor.generation == presented.generation && age(known(anchor.at), now) < window);
    young || anchored
}

/// How long ago `then` was. A clock that was set back makes it "just now", never a negative age that a window of 0
/// would let through.
fn age(then: UnixTime, now: UnixTime) -> Seconds {
    now.saturating_sub(then).max(0)
}
