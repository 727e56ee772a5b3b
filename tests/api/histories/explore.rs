//! Breadth-first search through all states of a model, so that the first history that breaks a claim is a shortest one.

use std::collections::HashSet;
use std::fmt::Debug;

/// A small world that can go on in several ways.
pub trait Model: Sized {
    /// What can happen next.
    type Event: Debug;

    /// Equal for states that have the same future.
    fn key(&self) -> Vec<u8>;

    /// All that can happen next, each with the world after it, or with the claim that it breaks.
    fn next(&self) -> Vec<(Self::Event, Result<Self, &'static str>)>;
}

struct Reached<M: Model> {
    state: M,
    by: Option<(usize, M::Event)>,
}

/// How many different states there are; or, as an error, the shortest history that breaks a claim.
pub fn explore<M: Model>(start: M) -> Result<usize, String> {
    let mut seen = HashSet::from([start.key()]);
    let mut reached = vec![Reached { state: start, by: None }];
    let mut at = 0;
    while at < reached.len() {
        for (event, next) in reached[at].state.next() {
            match next {
                Err(broken) => return Err(history(&reached, at, &event, broken)),
                Ok(state) if seen.insert(state.key()) => reached.push(Reached { state, by: Some((at, event)) }),
                Ok(_) => {}
            }
        }
        at += 1;
    }
    Ok(reached.len())
}

fn history<M: Model>(reached: &[Reached<M>], mut at: usize, last: &M::Event, broken: &str) -> String {
    let mut events = vec![format!("{last:?}")];
    while let Some((before, event)) = &reached[at].by {
        events.push(format!("{event:?}"));
        at = *before;
    }
    events.reverse();
    format!("{broken}:\n  {}", events.join("\n  "))
}
