//! The table of verdicts in docs/design.md, row by row, and the two laws that it is there for.

use super::reference::{Issued, Reference, Refresh};

/// How many exchanges a retry may be behind.
const MAX_TURNS: usize = 64;

/// An unrotated session's use is stored when it puts the end off by more than this part of the idle lifetime.
const STORED_PART: i64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Rotate,
    Replay,
    Recover,
    Reuse,
}

impl Reference {
    /// What presenting the token means, in a session that lives.
    pub fn verdict(&self, token: usize) -> Verdict {
        let verdict = self.row_of_the_table(token);
        self.assert_lawful(token, verdict);
        verdict
    }

    fn row_of_the_table(&self, token: usize) -> Verdict {
        let Refresh { session: id, issued_at, .. } = self.refresh[token];
        let (session, rules) = (&self.sessions[id], self.rules(id));
        let ago = |then: i64| self.now - then;
        if token == session.current {
            return if rules.rotation { Verdict::Rotate } else { Verdict::Replay };
        }
        if session.parent == Some(token) {
            return match () {
                () if ago(session.rotated_at) < rules.window => Verdict::Replay,
                () if rules.strict => Verdict::Reuse,
                () => Verdict::Recover,
            };
        }
        let is_anchor = session.anchor.is_some_and(|(anchor, at)| anchor == token && ago(at) < rules.window);
        if ago(issued_at) < 2 * rules.window || is_anchor { Verdict::Replay } else { Verdict::Reuse }
    }

    /// An ancestor that was exchanged within the last W is never refused, one whose exchange is 2W ago or more is never
    /// accepted (unless it is the parent, whose successor nobody used).
    fn assert_lawful(&self, token: usize, verdict: Verdict) {
        let Refresh { session: id, exchanged_at, .. } = self.refresh[token];
        let (session, window) = (&self.sessions[id], self.rules(id).window);
        let Some(ago) = exchanged_at.map(|then| self.now - then) else { return };
        if ago < window {
            assert_ne!(verdict, Verdict::Reuse, "the table refuses a retry: {token} of {self:?}");
        }
        if ago >= 2 * window && session.parent != Some(token) {
            assert_eq!(verdict, Verdict::Reuse, "the table accepts an old token: {token} of {self:?}");
        }
    }

    /// Whether the current token can be found from this one.
    fn leads_to_current(&self, token: usize) -> bool {
        let current = self.sessions[self.refresh[token].session].current;
        self.refresh[current].turns - self.refresh[token].turns <= MAX_TURNS
    }

    /// Whether presenting the token to its own client's endpoint would yield tokens.
    pub fn would_be_exchanged(&self, token: usize) -> bool {
        if !self.lives(self.refresh[token].session) {
            return false;
        }
        match self.verdict(token) {
            Verdict::Rotate | Verdict::Recover => true,
            Verdict::Replay => self.leads_to_current(token),
            Verdict::Reuse => false,
        }
    }

    /// The token is presented by the client that it belongs to. `None` is `invalid_grant`.
    pub fn exchange(&mut self, token: usize) -> Option<Issued> {
        let id = self.refresh[token].session;
        if !self.lives(id) {
            return None;
        }
        match self.verdict(token) {
            Verdict::Rotate => Some(self.succeed(token, "rotate")),
            Verdict::Recover => Some(self.succeed(token, "recover")),
            Verdict::Replay if !self.leads_to_current(token) => None,
            Verdict::Replay => {
                let (now, is_rotated) = (self.now, self.rules(id).rotation);
                let session = &mut self.sessions[id];
                if !is_rotated && now - session.last_used_at > super::reference::IDLE / STORED_PART {
                    session.last_used_at = now;
                }
                let is_current = self.sessions[id].current == token;
                Some(self.issue(id, Some(if is_current { "unrotated" } else { "replay" })))
            }
            Verdict::Reuse => {
                self.end_one(id);
                None
            }
        }
    }

    fn succeed(&mut self, token: usize, verdict: &'static str) -> Issued {
        let (now, successor) = (self.now, self.refresh.len());
        let Refresh { session: id, issued_at, turns, .. } = self.refresh[token];
        let window = self.rules(id).window;
        let session = &mut self.sessions[id];
        if now - issued_at >= window {
            session.anchor = Some((token, now));
        }
        session.parent = Some(token);
        session.current = successor;
        session.generation += 1;
        session.rotated_at = now;
        session.last_used_at = now;
        self.refresh[token].exchanged_at = Some(now);
        self.refresh.push(Refresh { session: id, issued_at: now, turns: turns + 1, exchanged_at: None });
        self.issue(id, Some(verdict))
    }
}
