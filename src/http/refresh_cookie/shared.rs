//! The one refresh cookie that version 0.1 set for all clients of a host. Nodes of 0.1 may run beside this one, so it is read
//! where it is newer than a client's own cookie, and updated with that one where it was sent.

use super::super::cookies::Jar;
use crate::app::App;
use crate::domain::{ClientId, SessionId};
use crate::oauth::Refusal;
use crate::token::refresh::{InvalidToken, RefreshKeys, RefreshToken};
use crate::token_state::{self, Owner};

/// What the shared cookie holds.
pub(super) struct SharedCookie {
    text: String,
    token: Result<RefreshToken, InvalidToken>,
}

impl SharedCookie {
    pub(super) fn of(jar: &Jar<'_>, keys: &RefreshKeys) -> Option<Self> {
        let text = jar.shared()?.to_owned();
        Some(Self { token: keys.open(&text), text })
    }

    /// Whether its token is one of that session.
    pub(super) fn is_of(&self, session: SessionId) -> bool {
        self.token.as_ref().is_ok_and(|token| token.session_id == session)
    }

    /// Whether a client's own cookie holds a token of the same session.
    pub(super) fn is_repeated_in(&self, jar: &Jar<'_>, keys: &RefreshKeys) -> bool {
        jar.tagged().any(|(_, value)| keys.open(value).is_ok_and(|token| self.is_of(token.session_id)))
    }

    /// Who owns the session of its token, if it is one of ours.
    pub(super) async fn owner(&self, app: &App) -> Result<Option<Owner>, Refusal> {
        match &self.token {
            Ok(token) => token_state::owner(app, token.session_id).await,
            Err(_) => Ok(None),
        }
    }

    /// Whether the client may set and delete it: no other client is signed in by it.
    pub(super) async fn is_free_for(&self, app: &App, client: Option<&ClientId>) -> bool {
        // Another instance on this host may have made it.
        if matches!(self.token, Err(InvalidToken::WrongTag)) {
            return false;
        }
        match self.owner(app).await {
            Ok(owner) => owner.is_none_or(|owner| !owner.lives || Some(&owner.client) == client),
            Err(error) => {
                let session = self.token.as_ref().ok().map(|token| tracing::field::display(token.session_id));
                tracing::warn!(%error, session, "could not read the session of a version 0.1 cookie; the cookie stays as it is");
                false
            }
        }
    }
}

/// The tokens of a client to try, from its own cookie and the shared one. A token that is known to be behind isn't tried: it
/// would be judged as reuse and end the session.
pub(super) fn in_order(keys: &RefreshKeys, own: Option<&str>, shared: Option<&SharedCookie>) -> Vec<String> {
    let shared = shared.and_then(|shared| Some((shared.text.as_str(), shared.token.as_ref().ok()?)));
    let in_order = match (own, shared) {
        (None, None) => vec![],
        (Some(own), None) => vec![own],
        (None, Some((shared, _))) => vec![shared],
        (Some(own), Some((shared, token))) => match keys.open(own) {
            Err(_) => vec![shared],
            Ok(of_own) if of_own.session_id == token.session_id && is_behind(&of_own, token) => vec![shared],
            Ok(of_own) if of_own.session_id == token.session_id => vec![own],
            // This node sets both to one session, so a node of 0.1 has signed somebody in since.
            Ok(of_own) if began_at(of_own.session_id) <= began_at(token.session_id) => vec![shared, own],
            Ok(_) => vec![own, shared],
        },
    };
    in_order.into_iter().map(str::to_owned).collect()
}

fn is_behind(token: &RefreshToken, other: &RefreshToken) -> bool {
    (token.generation, token.issued_at) < (other.generation, other.issued_at)
}

/// When a session began, for comparing: the first 48 bits of its identifier (RFC 9562 §5.7).
fn began_at(session: SessionId) -> u128 {
    session.0.as_u128() >> 80
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::refresh::RefreshKey;

    fn keys() -> RefreshKeys {
        RefreshKeys::new(RefreshKey::new(1, &[1; 32], &[2; 32]), Vec::new())
    }

    /// A token of a session that began at `began`.
    fn token(began: u128, generation: i64) -> String {
        let first = RefreshToken::first(SessionId(uuid::Uuid::from_u128(began << 80)), 100, [7; 32]);
        keys().seal(&keys().successor(&first, generation, 100 + generation)).reveal().to_owned()
    }

    fn tried(own: Option<&str>, shared: Option<&str>) -> Vec<String> {
        let shared = shared.map(|text| SharedCookie { text: text.to_owned(), token: keys().open(text) });
        in_order(&keys(), own, shared.as_ref())
    }

    #[test]
    fn of_one_session_the_token_that_is_ahead_is_tried_and_no_other() {
        let (behind, ahead) = (&*token(5, 2), &*token(5, 3));
        assert_eq!(tried(Some(behind), Some(ahead)), [ahead]);
        assert_eq!(tried(Some(ahead), Some(behind)), [ahead]);
        assert_eq!(tried(Some(ahead), Some(ahead)), [ahead]);
    }

    #[test]
    fn of_two_sessions_the_later_sign_in_is_tried_first() {
        let (early, late) = (&*token(5, 9), &*token(6, 1));
        assert_eq!(tried(Some(early), Some(late)), [late, early]);
        assert_eq!(tried(Some(late), Some(early)), [late, early]);
    }

    #[test]
    fn what_is_no_token_of_ours_is_tried_only_from_the_own_cookie() {
        let (good, bad) = (&*token(5, 1), "x");
        assert_eq!(tried(Some(bad), Some(good)), [good]);
        assert_eq!(tried(Some(good), Some(bad)), [good]);
        assert_eq!(tried(None, Some(good)), [good]);
        assert_eq!(tried(Some(bad), None), [bad]);
        assert_eq!((tried(None, Some(bad)), tried(None, None)), (Vec::<String>::new(), Vec::new()));
    }
}
