//! An honest client: tabs that share one stored token, and a network that delays, loses and repeats.

use std::rc::Rc;

use tokend::clock::{Seconds, UnixTime};
use tokend::domain::Session;
use tokend::token::judge::Verdict;

use super::court::{Court, FIRST, Id, Judged, START};
use super::explore::Model;

/// Which answers a client stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stores {
    /// Every one, as it arrives.
    All,
    /// Those to requests with the token that is still the stored one.
    IfUnchanged,
}

/// When a client sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// Whenever it likes.
    Freely,
    /// A token again only while the request is sure to be judged less than a window after the token was first sent;
    /// later than that only when all is quiet, and nothing beside it.
    Carefully,
}

/// What the client and its network do.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    pub stores: Stores,
    pub sends: Sends,
    /// How many requests and answers are under way at once.
    pub in_flight: usize,
    /// A request takes less than this until it is judged.
    pub request: Seconds,
    /// Request and answer together take less than this; 0 if answers arrive at once.
    pub both: Seconds,
    /// Whether the network delivers requests twice.
    pub repeats: bool,
}

#[derive(Clone, Copy)]
struct Message {
    sent: Id,
    sent_at: UnixTime,
    /// Nothing may be sent beside it.
    alone: bool,
    answer: Option<Id>,
}

/// The client, its messages under way, and the session.
#[derive(Clone)]
pub struct Honest {
    court: Rc<Court>,
    habits: Habits,
    now: UnixTime,
    session: Rc<Session>,
    stored: Id,
    first_sent: Option<UnixTime>,
    messages: Vec<Message>,
}

/// Tokens by number, ticks since the beginning.
#[derive(Debug)]
#[expect(dead_code, reason = "read in a failed test's output")]
pub enum Event {
    Tick(UnixTime),
    Send { token: Id },
    Judge { token: Id, sent_at: UnixTime, verdict: Verdict, answer: Option<Id>, and_again: bool },
    Arrive { answer: Id, to: Id },
    Lose { answer: Id },
}

type Step = (Event, Result<Honest, &'static str>);

impl Honest {
    /// A client that has just signed in.
    pub fn new(habits: Habits, (court, session): (Rc<Court>, Rc<Session>)) -> Self {
        Self { court, habits, now: START, session, stored: FIRST, first_sent: None, messages: Vec::new() }
    }

    /// A tick later; what would take too long is lost.
    fn tick(&self) -> Step {
        let mut next = self.clone();
        next.now += 1;
        let (now, habits) = (next.now, self.habits);
        next.messages.retain(|message| {
            now - message.sent_at < if message.answer.is_some() { habits.both } else { habits.request }
        });
        (Event::Tick(now - START), Ok(next))
    }

    fn send(&self) -> Option<Step> {
        let judged_by = self.now + self.habits.request - 1;
        let late = self.first_sent.is_some_and(|first| judged_by - first >= self.court.policy.reuse_window);
        let alone = late && self.habits.sends == Sends::Carefully;
        let blocked = self.messages.iter().any(|message| alone || message.alone);
        if blocked || self.messages.len() == self.habits.in_flight {
            return None;
        }
        let mut next = self.clone();
        next.messages.push(Message { sent: self.stored, sent_at: self.now, alone, answer: None });
        if self.habits.sends == Sends::Carefully {
            next.first_sent.get_or_insert(self.now);
        }
        Some((Event::Send { token: self.stored }, Ok(next)))
    }

    fn judge(&self, at: usize, and_again: bool) -> Step {
        let Message { sent, sent_at, .. } = self.messages[at];
        let Judged { verdict, session, answer } = self.court.present(sent, &self.session, self.now);
        let event = Event::Judge { token: sent, sent_at: sent_at - START, verdict, answer, and_again };
        let mut next = Self { session, ..self.clone() };
        if and_again {
            next.messages.push(next.messages[at]);
        }
        next.messages[at].answer = answer;
        (event, if answer.is_some() { Ok(next) } else { Err("an honest client was logged out") })
    }

    fn arrive(&self, at: usize, answer: Id) -> Step {
        let mut next = self.clone();
        let to = next.messages.remove(at).sent;
        if answer != self.stored && (self.habits.stores == Stores::All || to == self.stored) {
            next.stored = answer;
            next.first_sent = None;
        }
        (Event::Arrive { answer, to }, Ok(next))
    }

    fn lose(&self, at: usize, answer: Id) -> Step {
        let mut next = self.clone();
        next.messages.remove(at);
        (Event::Lose { answer }, Ok(next))
    }

    fn held(&self) -> impl Iterator<Item = Id> {
        self.messages.iter().flat_map(|message| [Some(message.sent), message.answer]).flatten().chain([self.stored])
    }
}

impl Model for Honest {
    type Event = Event;

    fn key(&self) -> Vec<u8> {
        let mut portrait = self.court.portrait(&self.session, self.now, self.held());
        let age = |time: UnixTime| u8::try_from((self.now - time).min(self.court.policy.reuse_window)).unwrap();
        let mut messages: Vec<_> = self
            .messages
            .iter()
            .map(|message| {
                let answer = message.answer.map_or(u8::MAX, |id| portrait.name(id));
                [portrait.name(message.sent), answer, age(message.sent_at), u8::from(message.alone)]
            })
            .collect();
        messages.sort_unstable();
        let stored = [portrait.name(self.stored), self.first_sent.map_or(u8::MAX, age)];
        portrait.key.extend(stored.into_iter().chain(messages.concat()));
        portrait.key
    }

    fn next(&self) -> Vec<Step> {
        assert!(self.court.one_is_live(&self.session, self.now, self.held()), "G1");
        // An answer that arrives at once or never leaves no room for anything before it does.
        if let Some(at) = self.messages.iter().position(|message| message.answer.is_some())
            && self.habits.both == 0
        {
            return self.messages[at].answer.iter().flat_map(|id| [self.arrive(at, *id), self.lose(at, *id)]).collect();
        }
        let mut steps: Vec<Step> = [self.tick()].into_iter().chain(self.send()).collect();
        for (at, message) in self.messages.iter().enumerate() {
            if let Some(answer) = message.answer {
                steps.extend([self.arrive(at, answer), self.lose(at, answer)]);
            } else {
                steps.push(self.judge(at, false));
                if self.habits.repeats && self.messages.len() < self.habits.in_flight {
                    steps.push(self.judge(at, true));
                }
            }
        }
        steps
    }
}
