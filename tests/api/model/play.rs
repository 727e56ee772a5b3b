//! Does to a real server what it does to the reference, and compares the answers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use proptest::sample::Index;
use reqwest::Method;
use tokend::domain::Client;
use tokend::password::PlainPassword;

use super::command::{AnyToken, Bulk, By, Command, Door, USERS};
use super::reference::{Issued, Reference};
use crate::harness::{
    ADMIN, Answer, BOBS_PASSWORD, C1, Engine, P1, PASSWORD, START, STRICT, Settings, TestServer, UNROTATED, operator,
    public,
};

/// What a step comes to: nothing, or where server and reference differ.
pub type Checked = Result<(), TestCaseError>;

const ZERO: &str = "zero";

/// The clients, in the order of their numbers, with the secret of the confidential one.
pub const CLIENT: [(&str, Option<&str>); super::command::CLIENTS] =
    [(P1, None), (STRICT, None), (UNROTATED, None), (C1.0, Some(C1.1)), (ZERO, None)];

const NAMES: [&str; USERS] = ["alice", "bob"];

const LIFETIMES: &str = "
    [tokens]
    access_lifetime = '600s'
    [sessions]
    idle_lifetime = '3600s'
    absolute_lifetime = '9000s'
";

/// A server, the reference, and the texts that belong to the reference's numbers.
pub struct Play {
    pub server: TestServer,
    pub reference: Reference,
    pub refresh: Vec<String>,
    pub access: Vec<String>,
    pub sessions: Vec<String>,
    passwords: [String; USERS],
    steps: usize,
}

impl Play {
    pub async fn start(engine: Engine) -> Self {
        let server = TestServer::start_with(engine, Settings::with(LIFETIMES)).await;
        server.add_client(Client { reuse_window: Some(0), ..public(ZERO) }).await;
        Self {
            server,
            reference: Reference::new(START),
            refresh: Vec::new(),
            access: Vec::new(),
            sessions: Vec::new(),
            passwords: [PASSWORD, BOBS_PASSWORD].map(str::to_owned),
            steps: 0,
        }
    }

    /// Does one thing, and then looks at two tokens, in turn at all of them.
    pub async fn step(&mut self, command: &Command) -> Checked {
        self.carry_out(command).await?;
        self.steps += 1;
        if !self.refresh.is_empty() {
            self.look_at_refresh(self.steps % self.refresh.len()).await?;
            self.look_at_access(self.steps % self.access.len()).await?;
        }
        Ok(())
    }

    /// Every token that there ever was is as alive as the reference says.
    pub async fn look_at_all(&self) -> Checked {
        for token in 0..self.refresh.len() {
            self.look_at_refresh(token).await?;
        }
        for token in 0..self.access.len() {
            self.look_at_access(token).await?;
        }
        Ok(())
    }

    async fn carry_out(&mut self, command: &Command) -> Checked {
        // Before the first sign-in there are no tokens to do anything with.
        if self.refresh.is_empty() && needs_tokens(command) {
            return Ok(());
        }
        match *command {
            Command::SignIn { user, client, door, password_is_right } => {
                self.sign_in(user, client, door, password_is_right).await
            }
            Command::Refresh { token, door, by } => {
                let token = token.index(self.refresh.len());
                self.present(token, door, by).await
            }
            Command::Hurry { session, times } => {
                let session = session.index(self.sessions.len());
                for _ in 0..times {
                    let current = self.reference.sessions[session].current;
                    self.present(current, Door::FirstParty, By::Owner).await?;
                }
                Ok(())
            }
            Command::RefreshForged { token, bit } => self.present_forged(token, bit).await,
            Command::Revoke { token, by } => self.revoke(token, by).await,
            Command::RevokeAsAdmin { token } => self.revoke_as_admin(token).await,
            Command::RevokeBulk { bulk, as_admin } => self.revoke_bulk(bulk, as_admin).await,
            Command::Logout { token: AnyToken::Refresh(token), all, by } => {
                self.logout(token.index(self.refresh.len()), all, by).await
            }
            Command::Logout { token: AnyToken::Access(token), all, .. } => {
                self.logout_by_access(token.index(self.access.len()), all).await
            }
            Command::Look { token: AnyToken::Refresh(token) } => {
                self.look_at_refresh(token.index(self.refresh.len())).await
            }
            Command::Look { token: AnyToken::Access(token) } => {
                self.look_at_access(token.index(self.access.len())).await
            }
            Command::SetUserEnabled { user, enabled } => self.set_user_enabled(user, enabled).await,
            Command::ChangePassword { user } => self.change_password(user).await,
            Command::SetClientEnabled { client, enabled } => self.set_client_enabled(client, enabled).await,
            Command::Advance { seconds } => {
                self.server.clock.advance(seconds);
                self.reference.now += seconds;
                Ok(())
            }
        }
    }

    /// Posts a form as a client, or as nobody.
    pub async fn post(&self, client: Option<usize>, path: &str, form: &[(&str, &str)]) -> Answer {
        match client.map(|client| CLIENT[client]) {
            None => self.server.post(path, form).await,
            Some((id, None)) => self.server.post(path, &[form, &[("client_id", id)]].concat()).await,
            Some((id, Some(secret))) => self.server.post_as((id, secret), path, form).await,
        }
    }

    /// Which client asks about something of this session.
    pub fn asking(&self, by: By, session: usize) -> Option<usize> {
        match by {
            By::Nobody => None,
            By::Owner => Some(self.reference.sessions[session].client),
            By::Client(client) => Some(client),
        }
    }

    async fn sign_in(&mut self, user: usize, client: usize, door: Door, password_is_right: bool) -> Checked {
        let password = if password_is_right { self.passwords[user].clone() } else { "not the password".to_owned() };
        let form = [("username", NAMES[user]), ("password", password.as_str())];
        let answer = match door {
            Door::FirstParty => self.post(Some(client), "/login", &form).await,
            Door::Standard => {
                self.post(Some(client), "/token", &[&form[..], &[("grant_type", "password")]].concat()).await
            }
        };
        if !self.reference.client_enabled[client] {
            return refused(&answer, 401, "invalid_client");
        }
        if !password_is_right || !self.reference.user_enabled[user] {
            return refused(&answer, invalid_grant(door), "invalid_grant");
        }
        let issued = self.reference.begin(user, client);
        self.issued(&answer, issued)
    }

    async fn present(&mut self, token: usize, door: Door, by: By) -> Checked {
        let session = self.reference.refresh[token].session;
        let (client, owner) = (self.asking(by, session), self.reference.sessions[session].client);
        let form = [("refresh_token", self.refresh[token].as_str()), ("grant_type", "refresh_token")];
        let answer = match door {
            Door::FirstParty => self.post(client, "/refresh", &form[..1]).await,
            Door::Standard => self.post(client, "/token", &form).await,
        };
        let is_public = self.reference.rules(session).public;
        let issued = match client {
            None if door == Door::Standard => return refused(&answer, 401, "invalid_client"),
            Some(client) if !self.reference.client_enabled[client] => return refused(&answer, 401, "invalid_client"),
            None if !is_public => None,
            Some(client) if client != owner => None,
            _ => self.reference.exchange(token),
        };
        match issued {
            Some(issued) => self.issued(&answer, issued),
            None => refused(&answer, invalid_grant(door), "invalid_grant"),
        }
    }

    async fn present_forged(&self, token: Index, bit: usize) -> Checked {
        let text = &self.refresh[token.index(self.refresh.len())];
        let mut bytes = URL_SAFE_NO_PAD.decode(&text["tkr_".len()..]).expect("base64url");
        bytes[bit / 8] ^= 1 << (bit % 8);
        let forged = format!("tkr_{}", URL_SAFE_NO_PAD.encode(bytes));
        refused(&self.server.refresh(&forged).await, 401, "invalid_grant")
    }

    /// The answer has the tokens that the reference issued, and their texts are remembered.
    fn issued(&mut self, answer: &Answer, issued: Issued) -> Checked {
        prop_assert_eq!(answer.status, 200, "{:?}", answer);
        prop_assert_eq!(answer.header("refresh-verdict"), issued.verdict.unwrap_or_default());
        prop_assert_eq!(&answer.json()["expires_in"], &serde_json::json!(issued.expires_in));
        let (refresh, access, claims) = (answer.refresh_token(), answer.access_token(), answer.claims());
        if let Some(known) = self.refresh.get(issued.refresh) {
            prop_assert_eq!(known, &refresh, "another token than the current one");
        } else {
            prop_assert!(!self.refresh.contains(&refresh), "a token is given out as two different ones");
            self.refresh.push(refresh);
        }
        prop_assert!(!self.access.contains(&access), "an access token is given out twice");
        self.access.push(access);
        let session = self.reference.refresh[issued.refresh].session;
        let sid = claims["sid"].as_str().unwrap_or_default().to_owned();
        match self.sessions.get(session) {
            Some(known) => prop_assert_eq!(known, &sid),
            None => self.sessions.push(sid),
        }
        prop_assert_eq!(&claims["sub"], &serde_json::json!(self.subject(self.reference.sessions[session].user)));
        Ok(())
    }

    async fn look_at_refresh(&self, token: usize) -> Checked {
        let answer = self.server.introspect(&self.refresh[token]).await;
        if !self.reference.would_be_exchanged(token) {
            prop_assert_eq!((answer.status, answer.text.as_str()), (200, r#"{"active":false}"#), "refresh {}", token);
            return Ok(());
        }
        let session = self.reference.refresh[token].session;
        let (json, ends_at) = (answer.json(), self.reference.ends_at(session));
        prop_assert_eq!(&json["active"], &serde_json::json!(true), "refresh {}: {:?}", token, answer);
        prop_assert_eq!(&json["token_type"], &serde_json::json!("refresh_token"));
        prop_assert_eq!(&json["exp"], &serde_json::json!(ends_at), "refresh {}", token);
        prop_assert_eq!(json["sid"].as_str(), Some(self.sessions[session].as_str()));
        Ok(())
    }

    async fn look_at_access(&self, token: usize) -> Checked {
        let text = &self.access[token];
        let (introspected, userinfo) =
            (self.server.introspect(text).await, self.server.get_with("/userinfo", text).await);
        if !self.reference.access_lives(token) {
            prop_assert_eq!(introspected.text.as_str(), r#"{"active":false}"#, "access {}", token);
            return refused(&userinfo, 401, "invalid_token");
        }
        let access = self.reference.access[token];
        prop_assert_eq!(&introspected.json()["active"], &serde_json::json!(true), "access {}", token);
        prop_assert_eq!(&introspected.json()["exp"], &serde_json::json!(access.expires_at));
        prop_assert_eq!(userinfo.status, 200, "access {}: {:?}", token, userinfo);
        let user = self.reference.sessions[access.session].user;
        prop_assert_eq!(&userinfo.json()["sub"], &serde_json::json!(self.subject(user)));
        Ok(())
    }

    pub fn subject(&self, user: usize) -> String {
        [self.server.alice, self.server.bob][user].to_string()
    }

    async fn set_user_enabled(&mut self, user: usize, enabled: bool) -> Checked {
        let (store, id) = (&self.server.app.store, [self.server.alice, self.server.bob][user]);
        let changed = if enabled {
            store.by(operator()).users().enable(id).await.expect("the store answers")
        } else {
            store.by(operator()).users().disable(id, self.reference.now).await.expect("the store answers").is_some()
        };
        prop_assert_eq!(changed, self.reference.user_enabled[user] != enabled);
        self.reference.set_user_enabled(user, enabled);
        Ok(())
    }

    async fn change_password(&mut self, user: usize) -> Checked {
        self.passwords[user].push_str(", changed");
        let password = PlainPassword::chosen(&self.passwords[user]).expect("it is long enough");
        let hash = self.server.app.hasher.hash(password).await.expect("there is time");
        let (id, now) = ([self.server.alice, self.server.bob][user], self.reference.now);
        let ended =
            self.server.operator().users().set_password(id, hash.as_str(), now).await.expect("the store answers");
        let (live, open) = self.reference.end_user(user);
        prop_assert!(ended.is_some_and(|ended| (live..=open).contains(&ended)), "{:?}, not {}..={}", ended, live, open);
        Ok(())
    }

    async fn set_client_enabled(&mut self, client: usize, enabled: bool) -> Checked {
        if self.reference.client_enabled[client] != enabled {
            let disabled_at = (!enabled).then_some(self.reference.now);
            self.server.change_client(CLIENT[client].0, |client| client.disabled_at = disabled_at).await;
            self.reference.set_client_enabled(client, enabled);
        }
        Ok(())
    }

    /// An administrator's request.
    pub async fn as_admin(&self, form: &[(&str, &str)]) -> Answer {
        self.server.post_as(ADMIN, "/revoke", form).await
    }

    /// A logout with an access token.
    pub async fn bearer_logout(&self, access: usize, all: &str) -> Answer {
        let request = self.server.request(Method::POST, "/logout").bearer_auth(&self.access[access]);
        self.server.send(request.form(&[("all", all)])).await
    }

    pub fn bulk_form(&self, bulk: Bulk) -> (&'static str, String) {
        match bulk {
            Bulk::Session(session) => ("sid", self.sessions[session.index(self.sessions.len())].clone()),
            Bulk::Subject(user) => ("sub", self.subject(user)),
            Bulk::Username(user) => ("username", NAMES[user].to_owned()),
            Bulk::OfClient(client) => ("of_client", CLIENT[client].0.to_owned()),
        }
    }
}

fn needs_tokens(command: &Command) -> bool {
    !matches!(
        command,
        Command::SignIn { .. }
            | Command::SetUserEnabled { .. }
            | Command::ChangePassword { .. }
            | Command::SetClientEnabled { .. }
            | Command::Advance { .. }
    )
}

/// On the first-party endpoints a refused grant means that the user has to sign in again.
pub fn invalid_grant(door: Door) -> u16 {
    match door {
        Door::FirstParty => 401,
        Door::Standard => 400,
    }
}

pub fn refused(answer: &Answer, status: u16, code: &str) -> Checked {
    let json = answer.json();
    prop_assert_eq!((answer.status, json["error"].as_str()), (status, Some(code)), "{:?}", answer);
    answer.refused(status, code);
    Ok(())
}
