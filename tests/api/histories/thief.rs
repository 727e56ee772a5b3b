//! An honest client and a thief who copied a token from it, and who knows the rules.

use std::rc::Rc;

use tokend::clock::{Seconds, UnixTime};
use tokend::domain::Session;
use tokend::token::judge::Verdict;

use super::court::{Court, FIRST, Id, Judged, START};
use super::explore::Model;

/// How much the thief keeps: the copied token and what it last got.
const POCKETS: usize = 3;

/// What is assumed, and what is claimed.
#[derive(Clone, Copy, Debug)]
pub struct Theft {
    /// Between a request of one and a request of the other there is at least this.
    pub apart: Seconds,
    /// How many requests of the victim are under way at once; each takes less than a window.
    pub in_flight: usize,
    /// A visit is a row of the thief's refreshes without any of the victim's between them. So many succeed at most.
    pub visits: u8,
}

/// Both of them, and the session.
#[derive(Clone)]
pub struct Stolen {
    court: Rc<Court>,
    theft: Theft,
    now: UnixTime,
    session: Rc<Session>,
    stored: Id,
    requests: Vec<(Id, UnixTime)>,
    /// What the thief has: the copied token, then what it got.
    loot: Vec<Id>,
    victim_at: Option<UnixTime>,
    thief_at: Option<UnixTime>,
    visits: u8,
    visiting: bool,
    over: bool,
}

/// Tokens by number, ticks since the beginning.
#[derive(Debug)]
#[expect(dead_code, reason = "read in a failed test's output")]
pub enum Event {
    Tick(UnixTime),
    Send { token: Id },
    Copy { token: Id },
    Victim { token: Id, verdict: Verdict, answer: Option<Id>, lost: bool },
    Thief { token: Id, verdict: Verdict, answer: Option<Id> },
}

type Step = (Event, Result<Stolen, &'static str>);

impl Stolen {
    /// A session that has just begun, before the theft.
    pub fn new(theft: Theft, (court, session): (Rc<Court>, Rc<Session>)) -> Self {
        Self {
            court,
            theft,
            now: START,
            session,
            stored: FIRST,
            requests: Vec::new(),
            loot: Vec::new(),
            victim_at: None,
            thief_at: None,
            visits: 0,
            visiting: false,
            over: false,
        }
    }

    fn tick(&self) -> Step {
        let mut next = self.clone();
        next.now += 1;
        let (now, window) = (next.now, self.court.policy.reuse_window);
        next.requests.retain(|(_, sent_at)| now - sent_at < window);
        (Event::Tick(now - START), Ok(next))
    }

    fn send(&self) -> Option<Step> {
        let mut next = self.clone();
        next.requests.push((self.stored, self.now));
        (self.requests.len() < self.theft.in_flight).then_some((Event::Send { token: self.stored }, Ok(next)))
    }

    /// The thief copies a token from the victim's store or wire, once.
    fn copy(&self) -> Vec<Step> {
        if !self.loot.is_empty() {
            return Vec::new();
        }
        let mut tokens: Vec<Id> = self.requests.iter().map(|(token, _)| *token).chain([self.stored]).collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens
            .into_iter()
            .map(|token| (Event::Copy { token }, Ok(Self { loot: vec![token], ..self.clone() })))
            .collect()
    }

    fn apart_from(&self, other: Option<UnixTime>) -> bool {
        other.is_none_or(|at| self.now - at >= self.theft.apart)
    }

    fn victim(&self, at: usize, lost: bool) -> Step {
        let (token, _) = self.requests[at];
        let Judged { verdict, session, answer } = self.court.present(token, &self.session, self.now);
        let mut next = Self { session, victim_at: Some(self.now), over: answer.is_none(), ..self.clone() };
        next.requests.remove(at);
        if !lost {
            next.stored = answer.unwrap_or(next.stored);
            // Without an answer the victim is where it was, and hasn't come between two visits.
            next.visiting = false;
        }
        (Event::Victim { token, verdict, answer, lost }, Ok(next))
    }

    fn thief(&self, token: Id) -> Step {
        let Judged { verdict, session, answer } = self.court.present(token, &self.session, self.now);
        let event = Event::Thief { token, verdict, answer };
        let mut next = Self { session, thief_at: Some(self.now), over: verdict == Verdict::Reuse, ..self.clone() };
        let Some(answer) = answer else {
            return (event, Ok(next));
        };
        next.visits += u8::from(!self.visiting);
        next.visiting = true;
        if next.visits > self.theft.visits {
            return (event, Err("the thief came too often"));
        }
        if !next.loot.contains(&answer) {
            next.loot.push(answer);
        }
        if next.loot.len() > POCKETS {
            next.loot.remove(1);
        }
        (event, Ok(next))
    }

    fn held(&self) -> impl Iterator<Item = Id> {
        self.requests.iter().map(|(token, _)| *token).chain(self.loot.iter().copied()).chain([self.stored])
    }
}

impl Model for Stolen {
    type Event = Event;

    fn key(&self) -> Vec<u8> {
        if self.over {
            return Vec::new();
        }
        let mut portrait = self.court.portrait(&self.session, self.now, self.held());
        let age = |time: UnixTime, limit| u8::try_from((self.now - time).min(limit)).unwrap();
        let mut requests: Vec<_> = self
            .requests
            .iter()
            .map(|(token, sent_at)| [portrait.name(*token), age(*sent_at, self.court.policy.reuse_window)])
            .collect();
        requests.sort_unstable();
        let apart = |at: Option<UnixTime>| at.map_or(u8::MAX, |at| age(at, self.theft.apart));
        let loot: Vec<u8> = self.loot.iter().map(|id| portrait.name(*id)).collect();
        let numbers = [self.visits, u8::from(self.visiting), apart(self.victim_at), apart(self.thief_at)];
        portrait.key.extend(numbers.into_iter().chain([portrait.name(self.stored), u8::try_from(loot.len()).unwrap()]));
        portrait.key.extend(loot.into_iter().chain(requests.concat()));
        portrait.key
    }

    fn next(&self) -> Vec<Step> {
        if self.over {
            return Vec::new();
        }
        assert!(self.court.one_is_live(&self.session, self.now, self.held()), "G1");
        let mut steps: Vec<Step> = [self.tick()].into_iter().chain(self.send()).chain(self.copy()).collect();
        if self.apart_from(self.thief_at) {
            let requests = 0..self.requests.len();
            steps.extend(requests.flat_map(|at| [self.victim(at, false), self.victim(at, true)]));
        }
        if self.apart_from(self.victim_at) {
            steps.extend(self.loot.iter().map(|token| self.thief(*token)));
        }
        steps
    }
}
