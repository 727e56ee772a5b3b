//! One honest client: a sign-in, the newest tokens, one request at a time, and the same again when there was no answer. It
//! is robbed too: somebody has a copy of its first refresh token, and comes when its successor was used long ago.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::history::{Ask, Call, Got, Moment, Token};
use super::Shared;
use super::site::user;
use super::wire::{Reply, claim, read, send};
use crate::harness::{P1, PASSWORD, Random};

/// How many sessions that have ended a client looks at again.
const GRAVES: usize = 8;

/// How many of its pasts it remembers.
const PASTS: usize = 256;

/// How often a request is sent again when the site must answer at last.
const ATTEMPTS: usize = 400;

pub struct Client {
    number: usize,
    random: Random,
    shared: Arc<Shared>,
    http: reqwest::Client,
    held: Option<Held>,
    graves: Vec<(Moment, Held)>,
    past: Vec<(Moment, Option<Held>)>,
    pub calls: Vec<Call>,
}

/// The tokens of a session.
#[derive(Clone)]
struct Held {
    session: String,
    access: String,
    refresh: String,
    /// Its first refresh token, which the thief has.
    first: String,
    /// How often it was exchanged, and when the second time was.
    exchanges: usize,
    second: Instant,
}

impl Client {
    pub fn new(number: usize, random: Random, shared: Arc<Shared>) -> Self {
        let http = reqwest::Client::new();
        Self { number, random, shared, http, held: None, graves: Vec::new(), past: Vec::new(), calls: Vec::new() }
    }

    /// Works until it is stopped.
    pub async fn go_on(&mut self) {
        while !self.shared.stopped.load(Ordering::SeqCst) {
            let answered = self.step().await;
            let pause = if answered { self.random.below(8) } else { 20 + self.random.below(40) };
            tokio::time::sleep(Duration::from_millis(pause as u64)).await;
        }
    }

    pub fn is_signed_in(&self) -> bool {
        self.held.is_some()
    }

    /// The client as it was at a moment, before another site.
    pub fn as_of(&self, moment: Moment, shared: Arc<Shared>) -> Self {
        let past = self.past.iter().rfind(|(since, _)| *since <= moment);
        let mut client = Self::new(self.number, Random::new(moment), shared);
        client.held = past.and_then(|(_, held)| held.clone());
        client.graves = self.graves.iter().filter(|(since, _)| *since <= moment).cloned().collect();
        client
    }

    /// Whether the server answered.
    async fn step(&mut self) -> bool {
        let Some(held) = self.held.clone() else { return self.sign_in().await };
        if self.is_the_thiefs_turn(&held) {
            return self.steal(&held).await;
        }
        // Every second client stays signed in for as long as nobody steals from it.
        let ends = if self.number.is_multiple_of(2) && !self.shared.site.rules.is_peaceful { 4 } else { 0 };
        match self.random.below(100) {
            roll if roll < ends => self.revoke(&held).await,
            0..50 => self.exchange(&held).await,
            50..85 => self.introspect(&held).await,
            _ => self.look_at_a_grave().await,
        }
    }

    /// Exchanges what it has and looks at all it knows, each until there is an answer.
    pub async fn look_at_everything(&mut self) {
        if let Some(held) = self.held.clone() {
            self.insist(async |client| client.exchange(&held).await).await;
        }
        if let Some(held) = self.held.clone() {
            self.insist(async |client| client.introspect(&held).await).await;
        }
        for (_, grave) in self.graves.clone() {
            self.insist(async |client| client.introspect(&grave).await).await;
            self.insist(async |client| client.exchange_from(&grave).await.is_some()).await;
        }
    }

    /// Exchanges what it has, once there is an answer. Whether it got something new; if not, it keeps what it has.
    pub async fn try_to_go_on(&mut self) -> bool {
        let Some(held) = self.held.clone() else { return false };
        for _ in 0..ATTEMPTS {
            if let Some(next) = self.exchange_from(&held).await {
                let goes_on = next.is_some();
                self.hold(next.or(Some(held)));
                return goes_on;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server doesn't answer any more");
    }

    /// Asks about its tokens once. Whether it was answered.
    pub async fn introspects(&mut self) -> bool {
        let held = self.held.clone().expect("it is signed in");
        self.introspect(&held).await
    }

    async fn insist(&mut self, ask: impl AsyncFn(&mut Self) -> bool) {
        for _ in 0..ATTEMPTS {
            if ask(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server doesn't answer any more");
    }

    async fn sign_in(&mut self) -> bool {
        let name = user(self.number);
        let form = [("username", name.as_str()), ("password", PASSWORD), ("client_id", P1)];
        let (mut call, reply) = self.send(Ask::SignIn, None, "/login", &form).await;
        call.got = match reply.status {
            200 => tokens(&reply, "sign-in"),
            _ => unanswered(&reply),
        };
        if let Got::Tokens { token, .. } = &call.got {
            call.session = Some(token.session.clone());
            let (access, refresh) = (reply.text("access_token"), reply.text("refresh_token"));
            let (first, second) = (refresh.clone(), Instant::now());
            self.hold(Some(Held { session: token.session.clone(), access, refresh, first, exchanges: 0, second }));
        }
        self.note(call)
    }

    async fn exchange(&mut self, held: &Held) -> bool {
        match self.exchange_from(held).await {
            Some(next) => {
                self.hold(next);
                true
            }
            None => false,
        }
    }

    /// What there is to hold after an exchange: `None` when there was no answer, nothing when it was refused.
    async fn exchange_from(&mut self, held: &Held) -> Option<Option<Held>> {
        let form = [("refresh_token", held.refresh.as_str()), ("grant_type", "refresh_token"), ("client_id", P1)];
        // Where the client is named, another statement does it.
        let (path, form) = if self.random.below(2) == 0 { ("/token", &form[..]) } else { ("/refresh", &form[..1]) };
        let (mut call, reply) = self.send(Ask::Exchange(read(&held.refresh)), Some(held), path, form).await;
        call.got = match reply.status {
            200 => tokens(&reply, &reply.verdict),
            400 | 401 if reply.body["error"] == "invalid_grant" => Got::Refused,
            _ => unanswered(&reply),
        };
        let answered = self.note(call);
        let (access, refresh) = (reply.text("access_token"), reply.text("refresh_token"));
        answered.then(|| {
            let exchanges = held.exchanges + 1;
            let second = if exchanges <= 2 { Instant::now() } else { held.second };
            (reply.status == 200).then(|| Held { access, refresh, exchanges, second, ..held.clone() })
        })
    }

    async fn introspect(&mut self, held: &Held) -> bool {
        let token = if self.random.below(2) == 0 { &held.access } else { &held.refresh };
        let (mut call, reply) = self.send(Ask::Introspect, Some(held), "/introspect", &[("token", token)]).await;
        let is_mine =
            reply.body["username"] == user(self.number).as_str() && reply.body["sid"] == held.session.as_str();
        call.got = match (reply.status, &reply.body["active"]) {
            (200, Value::Bool(true)) if is_mine => Got::Active,
            (200, Value::Bool(false)) => Got::Inactive,
            _ => unanswered(&reply),
        };
        self.note(call)
    }

    async fn look_at_a_grave(&mut self) -> bool {
        let Some((_, grave)) = self.graves.get(self.random.below(GRAVES)).cloned() else { return true };
        self.introspect(&grave).await
    }

    async fn revoke(&mut self, held: &Held) -> bool {
        let (path, name) = [("/revoke", "token"), ("/logout", "refresh_token")][self.random.below(2)];
        let form = [("client_id", P1), (name, held.refresh.as_str())];
        let (mut call, reply) = self.send(Ask::Revoke, Some(held), path, &form).await;
        call.got = match reply.status {
            200 | 204 => Got::Done,
            _ => unanswered(&reply),
        };
        self.bury(call, held)
    }

    async fn steal(&mut self, held: &Held) -> bool {
        let form = [("refresh_token", held.first.as_str())];
        let (mut call, reply) = self.send(Ask::Steal(read(&held.first)), Some(held), "/refresh", &form).await;
        call.got = match reply.status {
            200 => tokens(&reply, &reply.verdict),
            401 if reply.body["error"] == "invalid_grant" => Got::Refused,
            _ => unanswered(&reply),
        };
        let answered = self.bury(call, held);
        self.shared.stolen.fetch_add(usize::from(answered), Ordering::SeqCst);
        answered
    }

    /// Whether the first refresh token is so old that whoever presents it must have stolen it: the one after it was
    /// exchanged two windows ago, with a second more for the clock's seconds.
    fn is_the_thiefs_turn(&self, held: &Held) -> bool {
        let old = Duration::from_secs(2 * self.shared.site.rules.window + 1);
        !self.shared.site.rules.is_peaceful && held.exchanges >= 2 && held.second.elapsed() > old
    }

    /// The session is over, if that was acknowledged.
    fn bury(&mut self, call: Call, held: &Held) -> bool {
        if matches!(call.got, Got::Done | Got::Refused) {
            let place = self.random.below(GRAVES);
            let grave = (call.end, held.clone());
            match self.graves.get_mut(place) {
                Some(other) => *other = grave,
                None => self.graves.push(grave),
            }
            self.hold(None);
        }
        self.note(call)
    }

    fn hold(&mut self, held: Option<Held>) {
        self.past.push((self.shared.now(), held.clone()));
        if self.past.len() > 2 * PASTS {
            self.past.drain(..PASTS);
        }
        self.held = held;
    }

    /// Sends a request to some node; what was asked of it, without its answer, which is to be read from the reply.
    async fn send(&mut self, ask: Ask, of: Option<&Held>, path: &str, form: &[(&str, &str)]) -> (Call, Reply) {
        let node = self.random.below(self.shared.site.nodes());
        let base = self.shared.site.base(node);
        let begin = self.shared.now();
        let reply = send(&self.http, &base, path, form).await;
        let session = of.map(|held| held.session.clone());
        let end = self.shared.now();
        (Call { client: self.number, node, begin, end, session, ask, got: Got::Nothing }, reply)
    }

    /// Writes a call down. Whether it was answered.
    fn note(&mut self, call: Call) -> bool {
        let answered = !matches!(call.got, Got::Nothing | Got::Unavailable);
        let counter = if answered { &self.shared.answered } else { &self.shared.failed };
        counter.fetch_add(1, Ordering::SeqCst);
        self.calls.push(call);
        answered
    }
}

/// The tokens in an answer, which must be of one session.
fn tokens(reply: &Reply, verdict: &str) -> Got {
    let token: Token = read(&reply.text("refresh_token"));
    if claim(&reply.text("access_token"), "sid") != token.session {
        return Got::Other(format!("tokens of two sessions: {}", token.session));
    }
    Got::Tokens { token, verdict: verdict.to_owned() }
}

fn unanswered(reply: &Reply) -> Got {
    match reply.status {
        0 => Got::Nothing,
        503 => Got::Unavailable,
        status => Got::Other(format!("{status} {}", reply.body)),
    }
}
