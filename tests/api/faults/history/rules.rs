//! The promises, as rules about what clients saw. A call takes effect at some moment between its begin and its end; one
//! that was not answered may take effect at any time after its begin, or never.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Ask, Call, Got, Moment, Token};

/// A promise that was not kept.
#[derive(Debug)]
pub struct Broken<'a> {
    pub promise: &'static str,
    pub by: &'a Call,
}

impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {:?}", self.promise, self.by)
    }
}

/// The promises that a history breaks, session by session.
pub fn broken(calls: &[Call]) -> Vec<Broken<'_>> {
    let mut sessions: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        sessions.entry(call.session.as_deref().unwrap_or_default()).or_default().push(call);
    }
    let mut broken = Vec::new();
    for (session, mut calls) in sessions {
        calls.sort_by_key(|call| call.begin);
        broken.extend(answered_as_nothing_should_be(&calls));
        if !session.is_empty() {
            broken.extend(one_successor(&calls));
            broken.extend(one_rotation(&calls));
            broken.extend(rotations_hold(&calls));
            broken.extend(ends_hold(&calls));
            broken.extend(nobody_is_logged_out(&calls));
        }
    }
    broken
}

/// A defect, or an answer that belongs to somebody else.
fn answered_as_nothing_should_be<'a>(calls: &[&'a Call]) -> Vec<Broken<'a>> {
    let mixed_up = |call: &Call| match &call.got {
        Got::Tokens { token, .. } => Some(&token.session) != call.session.as_ref(),
        _ => false,
    };
    let is_wrong = |call: &&&Call| matches!(call.got, Got::Other(_)) || mixed_up(call);
    let broken = |call: &&'a Call| Broken { promise: "no answer but the right one or 503", by: call };
    calls.iter().filter(is_wrong).map(broken).collect()
}

fn answered_token(call: &Call) -> Option<(&Token, &str)> {
    match &call.got {
        Got::Tokens { token, verdict } => Some((token, verdict)),
        _ => None,
    }
}

/// G1: each exchange makes the next generation, so that two tokens of one generation are two branches.
fn one_successor<'a>(calls: &[&'a Call]) -> Vec<Broken<'a>> {
    let mut first: BTreeMap<i64, &str> = BTreeMap::new();
    let is_second = |call: &&&'a Call| {
        answered_token(call)
            .is_some_and(|(token, _)| *first.entry(token.generation).or_insert(&token.hash) != token.hash)
    };
    let broken = |call: &&'a Call| Broken { promise: "G1: one successor a token", by: call };
    calls.iter().filter(is_second).map(broken).collect()
}

/// G1: what was current once and was exchanged is never current again.
fn one_rotation<'a>(calls: &[&'a Call]) -> Vec<Broken<'a>> {
    let mut rotated: BTreeSet<&Token> = BTreeSet::new();
    let is_second = |call: &&&'a Call| match (&call.ask, answered_token(call)) {
        (Ask::Exchange(token), Some((_, "rotate"))) => !rotated.insert(token),
        _ => false,
    };
    let broken = |call: &&'a Call| Broken { promise: "G1: a token is rotated once", by: call };
    calls.iter().filter(is_second).map(broken).collect()
}

/// G4: who asks after a rotation was acknowledged gets that token or a later one, and a later one from another rotation.
fn rotations_hold<'a>(calls: &[&'a Call]) -> Vec<Broken<'a>> {
    let mut ended: Vec<(Moment, i64)> =
        calls.iter().filter_map(|call| Some((call.end, answered_token(call)?.0.generation))).collect();
    ended.sort_unstable();
    let mut ended = ended.into_iter().peekable();
    let mut newest = 0;
    let mut goes_back = |call: &Call| {
        while let Some((_, generation)) = ended.next_if(|(end, _)| *end <= call.begin) {
            newest = newest.max(generation);
        }
        answered_token(call).is_some_and(|(token, verdict)| match verdict {
            "replay" => token.generation < newest,
            _ => token.generation <= newest,
        })
    };
    let broken = |call: &&'a Call| Broken { promise: "G4: an acknowledged rotation holds", by: call };
    calls.iter().filter(|call| goes_back(call)).map(broken).collect()
}

/// Whether the call ends the session if it takes effect.
fn may_end(call: &Call) -> bool {
    matches!(call.ask, Ask::Revoke | Ask::Steal(_))
}

/// G3, G4 and G5: after an end that was acknowledged nothing works, on no node. The thief never gets anything.
fn ends_hold<'a>(calls: &[&'a Call]) -> Vec<Broken<'a>> {
    let acknowledged = calls.iter().filter(|call| may_end(call) && matches!(call.got, Got::Done | Got::Refused));
    let end = acknowledged.map(|call| call.end).min().unwrap_or(Moment::MAX);
    let works = |call: &Call| matches!(call.got, Got::Tokens { .. } | Got::Active);
    let lives = |call: &&&Call| works(call) && (call.begin >= end || matches!(call.ask, Ask::Steal(_)));
    let broken = |call: &&'a Call| Broken { promise: "G3, G4, G5: what has ended stays ended, everywhere", by: call };
    calls.iter().filter(lives).map(broken).collect()
}

/// G2 and G4: as long as nobody has begun to end the session, it works.
fn nobody_is_logged_out<'a>(calls: &[&'a Call]) -> Vec<Broken<'a>> {
    let first = calls.iter().filter(|call| may_end(call)).map(|call| call.begin).min().unwrap_or(Moment::MAX);
    let refused =
        |call: &&&Call| !may_end(call) && matches!(call.got, Got::Refused | Got::Inactive) && call.end < first;
    let broken = |call: &&'a Call| Broken { promise: "G2: no honest client is logged out", by: call };
    calls.iter().filter(refused).map(broken).collect()
}
