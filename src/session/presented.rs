//! The session of a presented token, with its user and its client: read once, and judged by the same rules at every endpoint and in
//! `tokend explain`.

use std::sync::Arc;

use super::decision::{Dead, judge_life};
use crate::app::{App, Snapshot};
use crate::clock::UnixTime;
use crate::domain::{Client, Grant, PlainSecret, RefreshPolicy, Session, SessionId, User};
use crate::oauth::Refusal;
use crate::store::sessions::SignedIn;
use crate::token::judge::{Presented, Verdict, effective_expiry, is_alive, judge};
use crate::token::refresh::{InvalidToken, RefreshKeys, RefreshToken};

/// A refresh token of ours, and what the judge looks at of it.
pub struct ParsedRefreshToken {
    /// The token.
    pub token: RefreshToken,
    /// What is judged.
    pub presented: Presented,
}

impl ParsedRefreshToken {
    /// The token that `text` is, if one of our keys made it. No database call.
    pub fn parse(keys: &RefreshKeys, text: &str) -> Result<Self, InvalidToken> {
        let token = keys.open(text)?;
        let hash = PlainSecret::new(text.to_owned()).hash();
        Ok(Self { presented: Presented::new(&token, hash), token })
    }
}

/// A session at one moment.
#[derive(Debug)]
pub struct PresentedSession {
    /// Its row, and its user.
    pub signed_in: SignedIn,
    /// Its client and how that one's sessions behave, unless it is disabled or removed.
    client: Option<(Arc<Client>, RefreshPolicy)>,
    now: UnixTime,
}

/// The session, as the database has it; `None` when it ended long ago or its user was removed.
pub async fn presented(app: &App, registry: &Snapshot, id: SessionId) -> Result<Option<PresentedSession>, Refusal> {
    let Some(signed_in) = app.store.sessions().find(id).await? else { return Ok(None) };
    let client = registry.client(signed_in.session.client_id.as_str());
    let client = client.map(|client| (Arc::clone(client), app.refresh_policy(client)));
    Ok(Some(PresentedSession { signed_in, client, now: app.clock.now() }))
}

impl PresentedSession {
    /// The row.
    pub fn session(&self) -> &Session {
        &self.signed_in.session
    }

    /// The user.
    pub fn user(&self) -> &User {
        &self.signed_in.user
    }

    /// When it was read.
    pub fn read_at(&self) -> UnixTime {
        self.now
    }

    /// The client, and how its sessions behave.
    pub fn client(&self) -> Result<(&Client, &RefreshPolicy), Dead> {
        self.client.as_ref().map(|(client, policy)| (&**client, policy)).ok_or(Dead::NoClient)
    }

    /// Whether it may be used.
    pub fn state(&self) -> Result<(), Dead> {
        let (_, policy) = self.client()?;
        if self.user().disabled_at.is_some() {
            return Err(Dead::UserDisabled);
        }
        judge_life(self.session().life(), self.now, policy)
    }

    /// Whether it hasn't ended. Its user may be disabled.
    pub fn has_not_ended(&self) -> bool {
        self.client().is_ok_and(|(_, policy)| is_alive(self.session().life(), self.now, policy))
    }

    /// Whether any refresh token of it could be exchanged.
    pub fn refreshable(&self) -> Result<(), Dead> {
        let (client, _) = self.client()?;
        if client.may_use(Grant::RefreshToken) { self.state() } else { Err(Dead::NoGrant) }
    }

    /// What the token means, if the session is alive.
    pub fn verdict(&self, token: &ParsedRefreshToken) -> Result<Verdict, Dead> {
        let (_, policy) = self.client()?;
        Ok(judge(&token.presented, self.session(), self.now, policy))
    }

    /// When it ends unless it is used.
    pub fn ends_at(&self) -> Result<UnixTime, Dead> {
        let (_, policy) = self.client()?;
        Ok(effective_expiry(self.session().life(), policy))
    }
}

#[cfg(test)]
mod tests;
