//! The reference: what docs/design.md says of sessions, users and clients, in as few lines as it can be said. It knows the
//! server's design and nothing of its source; tokens are numbers in the order in which they were given out.

use super::command::{CLIENTS, USERS};

/// Lifetimes of this world, in seconds.
pub const ACCESS: i64 = 600;
pub const IDLE: i64 = 3_600;
pub const ABSOLUTE: i64 = 9_000;

/// How a client's refresh tokens behave.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub window: i64,
    pub strict: bool,
    pub rotation: bool,
    /// A public client shows its name, a confidential one its secret.
    pub public: bool,
}

/// The clients of this world, in the order of their numbers.
pub const RULES: [Rules; CLIENTS] = [
    Rules { window: 10, strict: false, rotation: true, public: true },
    Rules { window: 0, strict: true, rotation: true, public: true },
    Rules { window: 10, strict: false, rotation: false, public: true },
    Rules { window: 10, strict: false, rotation: true, public: false },
    Rules { window: 0, strict: false, rotation: true, public: true },
];

/// One sign-in.
#[derive(Clone, Debug)]
pub struct Session {
    pub user: usize,
    pub client: usize,
    pub created_at: i64,
    pub last_used_at: i64,
    pub rotated_at: i64,
    pub generation: i64,
    pub current: usize,
    pub parent: Option<usize>,
    /// The last token that was already W old when it was exchanged, and when that was.
    pub anchor: Option<(usize, i64)>,
    pub revoked: bool,
}

/// A refresh token that was given out.
#[derive(Clone, Copy, Debug)]
pub struct Refresh {
    pub session: usize,
    pub issued_at: i64,
    /// How often the ratchet was turned for it.
    pub turns: usize,
    /// When it was last exchanged for another.
    pub exchanged_at: Option<i64>,
}

/// An access token that was given out.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub session: usize,
    pub expires_at: i64,
    pub revoked: bool,
}

/// All that the server has to know.
#[derive(Clone, Debug)]
pub struct Reference {
    pub now: i64,
    pub user_enabled: [bool; USERS],
    pub client_enabled: [bool; CLIENTS],
    pub sessions: Vec<Session>,
    pub refresh: Vec<Refresh>,
    pub access: Vec<Access>,
}

/// What an exchange gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issued {
    pub verdict: Option<&'static str>,
    /// The refresh token; the highest number is one that nobody has seen yet.
    pub refresh: usize,
    pub access: usize,
    pub expires_in: i64,
}

impl Reference {
    pub fn new(now: i64) -> Self {
        Self {
            now,
            user_enabled: [true; USERS],
            client_enabled: [true; CLIENTS],
            sessions: Vec::new(),
            refresh: Vec::new(),
            access: Vec::new(),
        }
    }

    pub fn rules(&self, session: usize) -> Rules {
        RULES[self.sessions[session].client]
    }

    /// When the session ends unless it is used before.
    pub fn ends_at(&self, session: usize) -> i64 {
        let session = &self.sessions[session];
        (session.created_at + ABSOLUTE).min(session.last_used_at + IDLE)
    }

    pub fn lives(&self, session: usize) -> bool {
        let Session { user, client, revoked, .. } = self.sessions[session];
        !revoked && self.now < self.ends_at(session) && self.user_enabled[user] && self.client_enabled[client]
    }

    /// Whether `/introspect` and `/userinfo` have to take the access token.
    pub fn access_lives(&self, access: usize) -> bool {
        let Access { session, expires_at, revoked } = self.access[access];
        self.now < expires_at && !revoked && self.lives(session)
    }

    /// A good sign-in: a session, and its first tokens.
    pub fn begin(&mut self, user: usize, client: usize) -> Issued {
        let (session, token) = (self.sessions.len(), self.refresh.len());
        self.sessions.push(Session {
            user,
            client,
            created_at: self.now,
            last_used_at: self.now,
            rotated_at: self.now,
            generation: 1,
            current: token,
            parent: None,
            anchor: None,
            revoked: false,
        });
        self.refresh.push(Refresh { session, issued_at: self.now, turns: 0, exchanged_at: None });
        self.issue(session, None)
    }

    /// An access token of the session, beside its current refresh token.
    pub fn issue(&mut self, session: usize, verdict: Option<&'static str>) -> Issued {
        let expires_at = (self.now + ACCESS).min(self.ends_at(session));
        self.access.push(Access { session, expires_at, revoked: false });
        Issued {
            verdict,
            refresh: self.sessions[session].current,
            access: self.access.len() - 1,
            expires_in: expires_at - self.now,
        }
    }

    /// Ends the sessions that `which` says. How many were live, and how many nobody had ended yet: those that died of
    /// age lie between, and whether they count is nobody's business.
    pub fn end(&mut self, which: impl Fn(usize, &Session) -> bool) -> (u64, u64) {
        let (mut live, mut open) = (0, 0);
        for id in 0..self.sessions.len() {
            if which(id, &self.sessions[id]) && !self.sessions[id].revoked {
                live += u64::from(self.lives(id));
                open += 1;
                self.sessions[id].revoked = true;
            }
        }
        (live, open)
    }

    pub fn end_one(&mut self, session: usize) {
        self.end(|id, _| id == session);
    }

    pub fn end_user(&mut self, user: usize) -> (u64, u64) {
        self.end(|_, session| session.user == user)
    }

    pub fn user_has_live_session(&self, user: usize) -> bool {
        (0..self.sessions.len()).any(|id| self.sessions[id].user == user && self.lives(id))
    }

    pub fn set_user_enabled(&mut self, user: usize, enabled: bool) {
        if !enabled && self.user_enabled[user] {
            self.end_user(user);
        }
        self.user_enabled[user] = enabled;
    }

    pub fn set_client_enabled(&mut self, client: usize, enabled: bool) {
        if !enabled && self.client_enabled[client] {
            self.end(|_, session| session.client == client);
        }
        self.client_enabled[client] = enabled;
    }
}
