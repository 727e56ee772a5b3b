//! What clients saw while something failed: each call, when it began and ended, and its answer. A history says by itself
//! whether the guarantees G1 to G5 of docs/guarantees.md held; one that doesn't is saved, and can be judged again.

mod rules;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use rules::broken;

/// Microseconds since the history began.
pub type Moment = u64;

/// Calls, in no particular order, and the seed of what was done meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    pub seed: u64,
    pub calls: Vec<Call>,
}

/// One request of one client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub client: usize,
    pub node: usize,
    pub begin: Moment,
    pub end: Moment,
    /// Whose it is; a sign-in that wasn't answered has none.
    pub session: Option<String>,
    pub ask: Ask,
    pub got: Got,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    SignIn,
    /// By the client that holds it, of the newest refresh token that it has got.
    Exchange(Token),
    /// By a thief, of a token whose successor was exchanged two windows ago: the session must end.
    Steal(Token),
    /// Of an access token or the newest refresh token.
    Introspect,
    Revoke,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Got {
    Tokens {
        token: Token,
        verdict: String,
    },
    Active,
    Inactive,
    /// It was revoked.
    Done,
    /// `invalid_grant`.
    Refused,
    /// It may have been done or not.
    Unavailable,
    /// No answer: it may have been done or not.
    Nothing,
    /// What should never be answered.
    Other(String),
}

/// A refresh token, without what makes it one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token {
    pub session: String,
    pub generation: i64,
    /// The beginning of its hash.
    pub hash: String,
}

impl History {
    /// Every promise must have been kept. If not, the history is saved, and where is said.
    #[track_caller]
    pub fn must_hold(&self, name: &str) {
        let broken = broken(&self.calls);
        if let Some(first) = broken.first() {
            let path = self.save(name);
            panic!(
                "{} broken promises, seed {}; the first is {first}\nTOKEND_TEST_HISTORY={} tests/run.sh a_saved_history",
                broken.len(),
                self.seed,
                path.display()
            );
        }
    }

    /// Whether every promise was kept.
    pub fn holds(&self) -> bool {
        broken(&self.calls).is_empty()
    }

    /// What was known at a moment of what was done until another: calls that had ended by the first, and, as unanswered,
    /// all others that had begun by the second.
    pub fn known_at(&self, moment: Moment, until: Moment) -> Self {
        let begun = self.calls.iter().filter(|call| call.begin <= until).cloned();
        let known = begun.map(|call| if call.end <= moment { call } else { Call { got: Got::Nothing, ..call } });
        Self { seed: self.seed, calls: known.collect() }
    }

    /// The calls that began at a moment or later.
    pub fn since(&self, moment: Moment) -> Self {
        let calls = self.calls.iter().filter(|call| call.begin >= moment).cloned();
        Self { seed: self.seed, calls: calls.collect() }
    }

    /// The calls that had begun and had not ended at one of these moments.
    pub fn under_way(&self, moments: &[Moment]) -> impl Iterator<Item = &Call> {
        let met = |call: &&Call| moments.iter().any(|moment| (call.begin..call.end).contains(moment));
        self.calls.iter().filter(met)
    }

    /// How many calls are like that.
    pub fn count(&self, is_like_that: impl Fn(&Call) -> bool) -> usize {
        self.calls.iter().filter(|call| is_like_that(call)).count()
    }

    /// One line: how much of what was in it.
    pub fn summary(&self) -> String {
        let got = |got: &Got| self.count(|call| call.got == *got);
        let exchanged =
            |named: &str| self.count(|call| matches!(&call.got, Got::Tokens { verdict, .. } if verdict == named));
        format!(
            "seed={} calls={} rotated={} replayed={} recovered={} revoked={} stolen={} unanswered={} unavailable={}",
            self.seed,
            self.calls.len(),
            exchanged("rotate"),
            exchanged("replay"),
            exchanged("recover"),
            got(&Got::Done),
            self.count(|call| matches!(call.ask, Ask::Steal(_)) && call.got == Got::Refused),
            got(&Got::Nothing),
            got(&Got::Unavailable)
        )
    }

    fn save(&self, name: &str) -> PathBuf {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("histories");
        std::fs::create_dir_all(&directory).expect("a directory for histories");
        let path = directory.join(format!("{name}-{}.json", self.seed));
        std::fs::write(&path, serde_json::to_vec(self).expect("it is JSON")).expect("the history is saved");
        path
    }

    fn load(path: &Path) -> Self {
        serde_json::from_slice(&std::fs::read(path).expect("the history is there")).expect("a history")
    }
}
