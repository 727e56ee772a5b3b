//! Revocation and logout: what they end, for whom, and what is answered.

use proptest::prelude::*;

use super::command::{AnyToken, Bulk, By};
use super::play::{Checked, Play, refused};
use super::table::Verdict;
use crate::harness::Answer;

/// The confidential client, which is no administrator.
const NO_ADMIN: usize = 3;

impl Play {
    pub async fn revoke(&mut self, token: AnyToken, by: By) -> Checked {
        let (session, text) = self.session_and_text(token);
        let client = self.asking(by, session);
        let answer = self.post(client, "/revoke", &[("token", text.as_str())]).await;
        match client {
            Some(client) if self.reference.client_enabled[client] => {
                if client == self.reference.sessions[session].client {
                    self.revoked(token);
                }
                nothing(&answer)
            }
            _ => refused(&answer, 401, "invalid_client"),
        }
    }

    pub async fn revoke_as_admin(&mut self, token: AnyToken) -> Checked {
        let (_, text) = self.session_and_text(token);
        let answer = self.as_admin(&[("token", text.as_str())]).await;
        self.revoked(token);
        nothing(&answer)
    }

    /// A refresh token takes its session with it, an access token ends alone (RFC 7009 §2.1).
    fn revoked(&mut self, token: AnyToken) {
        match token {
            AnyToken::Refresh(token) => {
                let token = token.index(self.refresh.len());
                self.reference.end_one(self.reference.refresh[token].session);
            }
            AnyToken::Access(token) => self.reference.access[token.index(self.access.len())].revoked = true,
        }
    }

    fn session_and_text(&self, token: AnyToken) -> (usize, String) {
        match token {
            AnyToken::Refresh(token) => {
                let token = token.index(self.refresh.len());
                (self.reference.refresh[token].session, self.refresh[token].clone())
            }
            AnyToken::Access(token) => {
                let token = token.index(self.access.len());
                (self.reference.access[token].session, self.access[token].clone())
            }
        }
    }

    pub async fn revoke_bulk(&mut self, bulk: Bulk, as_admin: bool) -> Checked {
        let (name, value) = self.bulk_form(bulk);
        if !as_admin {
            let answer = self.post(Some(NO_ADMIN), "/revoke", &[(name, value.as_str())]).await;
            let enabled = self.reference.client_enabled[NO_ADMIN];
            let (status, code) = if enabled { (403, "unauthorized_client") } else { (401, "invalid_client") };
            return refused(&answer, status, code);
        }
        let answer = self.as_admin(&[(name, value.as_str())]).await;
        let (live, open) = match bulk {
            Bulk::Session(session) => {
                let session = session.index(self.sessions.len());
                self.reference.end(|id, _| id == session)
            }
            Bulk::Subject(user) | Bulk::Username(user) => self.reference.end_user(user),
            Bulk::OfClient(client) => self.reference.end(|_, session| session.client == client),
        };
        let revoked = answer.json()["revoked"].as_u64();
        prop_assert_eq!(answer.status, 200, "{:?}", answer);
        prop_assert!(revoked.is_some_and(|n| (live..=open).contains(&n)), "{:?}, not {}..={}", answer, live, open);
        Ok(())
    }

    pub async fn logout(&mut self, token: usize, all: bool, by: By) -> Checked {
        let session = self.reference.refresh[token].session;
        let (user, owner) = (self.reference.sessions[session].user, self.reference.sessions[session].client);
        let client = self.asking(by, session);
        let form = [("refresh_token", self.refresh[token].as_str()), ("all", if all { "true" } else { "false" })];
        let answer = self.post(client, "/logout", &form).await;
        match client {
            Some(client) if !self.reference.client_enabled[client] => return refused(&answer, 401, "invalid_client"),
            // Somebody else's token is no token.
            Some(client) if client != owner => return gone(&answer),
            // What a disabled client is, is not told.
            None if self.reference.client_enabled[owner] && !self.reference.rules(session).public => {
                return refused(&answer, 401, "invalid_client");
            }
            _ => {}
        }
        let is_good = self.reference.lives(session) && self.reference.verdict(token) != Verdict::Reuse;
        if all && is_good {
            self.reference.end_user(user);
        } else {
            self.reference.end_one(session);
        }
        if all && self.reference.user_has_live_session(user) {
            return refused(&answer, 401, "invalid_grant");
        }
        gone(&answer)
    }

    pub async fn logout_by_access(&mut self, access: usize, all: bool) -> Checked {
        let token = self.reference.access[access];
        let user = self.reference.sessions[token.session].user;
        let answer = self.bearer_logout(access, if all { "true" } else { "false" }).await;
        if self.reference.access_lives(access) {
            self.reference.end(|id, session| if all { session.user == user } else { id == token.session });
            return gone(&answer);
        }
        let others_are_left =
            if all { self.reference.user_has_live_session(user) } else { self.reference.lives(token.session) };
        if self.reference.now >= token.expires_at || others_are_left {
            return refused(&answer, 401, "invalid_token");
        }
        gone(&answer)
    }
}

fn nothing(answer: &Answer) -> Checked {
    prop_assert_eq!((answer.status, answer.text.as_str()), (200, "{}"), "{:?}", answer);
    Ok(())
}

fn gone(answer: &Answer) -> Checked {
    prop_assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{:?}", answer);
    Ok(())
}
