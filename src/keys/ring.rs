//! The life of signing keys: which one signs, which ones are published, which ones are done. Pure: the time is a parameter.

use serde_json::{Value, json};

use super::SigningKey;
use crate::clock::{Seconds, UnixTime};
use crate::domain::LONGEST_ACCESS_LIFETIME;
use crate::words::words;

/// How much longer than its last token a key stays published, in seconds: for nodes that hear of its successor late
/// (they refuse to serve after 5 s) and whose clocks differ.
pub const RETIREMENT_SLACK: Seconds = 60;

/// For how long a retired key is kept, in seconds: a node whose clock is ahead must not delete what others still sign with.
const DELETION_SLACK: Seconds = 3600;

/// The signing keys, in the order in which they sign.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<SigningKey>,
}

words! {
    /// Where a key is in its life.
    pub enum KeyState {
        /// Published, so that resource servers know it when it begins to sign.
        Pending = "pending",
        /// Published, but a key that was made later begins at the same moment, and signs instead.
        Replaced = "replaced",
        /// The one that signs.
        Signing = "signing",
        /// Published still, because tokens that it signed may be alive.
        Retiring = "retiring",
        /// No longer published: it verifies nothing and can be deleted.
        Retired = "retired",
    }
}

impl KeyRing {
    /// A ring of `keys`, in whatever order they come. A key takes over at its `signs_from`; of several with the same
    /// moment the last one made does, then the one with the greatest `kid`, so that all nodes choose alike.
    pub fn new(mut keys: Vec<SigningKey>) -> Self {
        keys.sort_by(|a, b| turn(a).cmp(&turn(b)));
        Self { keys }
    }

    /// The key that signs at `now`. If none has begun to, by a slow clock, it is the one that will be first: the one before
    /// it is gone, so to everybody else it has begun. `None` only of an empty ring.
    pub fn signer(&self, now: UnixTime) -> Option<&SigningKey> {
        self.keys.iter().rfind(|key| key.signs_from() <= now).or(self.keys.first())
    }

    /// The published key with exactly this `kid`. An unknown one costs a comparison a key, whatever it is.
    pub fn verifier(&self, kid: &str, now: UnixTime) -> Option<&SigningKey> {
        self.published(now).find(|key| key.kid() == kid)
    }

    /// The JWKS, RFC 7517 §5, in the order in which the keys sign. It changes only when a key comes or goes.
    pub fn jwks(&self, now: UnixTime) -> Value {
        json!({ "keys": self.published(now).map(SigningKey::jwk).collect::<Vec<_>>() })
    }

    /// Every key with its state, in the order in which they sign.
    pub fn states(&self, now: UnixTime) -> Vec<(&SigningKey, KeyState)> {
        let signer = self.signer(now).map(SigningKey::kid);
        let state = |key: &SigningKey, retires_at: UnixTime, next: Option<&SigningKey>| match () {
            () if Some(key.kid()) == signer => KeyState::Signing,
            () if key.signs_from() > now && next.is_some_and(|next| next.signs_from() == key.signs_from()) => {
                KeyState::Replaced
            }
            () if key.signs_from() > now => KeyState::Pending,
            () if now < retires_at => KeyState::Retiring,
            () => KeyState::Retired,
        };
        let successors = self.keys.iter().skip(1).map(Some).chain([None]);
        self.lives().zip(successors).map(|((key, retires_at), next)| (key, state(key, retires_at, next))).collect()
    }

    /// The `kid`s of the keys whose every token is dead, by any node's clock: they can be deleted.
    pub fn expired(&self, now: UnixTime) -> Vec<&str> {
        let dead_since = now.saturating_sub(DELETION_SLACK);
        self.lives().filter(|(_, retires_at)| dead_since >= *retires_at).map(|(key, _)| key.kid()).collect()
    }

    fn published(&self, now: UnixTime) -> impl Iterator<Item = &SigningKey> {
        self.lives().filter(move |(_, retires_at)| now < *retires_at).map(|(key, _)| key)
    }

    /// Each key and when it is no longer published: when the last token that it signed before its successor is dead. Lifetimes
    /// may have been shortened since, so that token is given the longest that is allowed. A successor takes over when it was
    /// made at the earliest, even if its `signs_from` is before that.
    fn lives(&self) -> impl Iterator<Item = (&SigningKey, UnixTime)> {
        let successions = self.keys.iter().skip(1).map(SigningKey::begins_at);
        let retirements =
            successions.map(move |at| at.saturating_add(LONGEST_ACCESS_LIFETIME).saturating_add(RETIREMENT_SLACK));
        self.keys.iter().zip(retirements.chain([UnixTime::MAX]))
    }
}

fn turn(key: &SigningKey) -> (UnixTime, UnixTime, &str) {
    (key.signs_from(), key.created_at(), key.kid())
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;
    use crate::domain::SigningAlgorithm;

    const FIRST: UnixTime = 1_000_000;
    const SECOND: UnixTime = 2_000_000;
    /// When the last token of the first key is dead.
    const DEATH: UnixTime = SECOND + LONGEST_ACCESS_LIFETIME + RETIREMENT_SLACK;

    fn key(created_at: UnixTime, signs_from: UnixTime) -> SigningKey {
        SigningKey::generate(SigningAlgorithm::EdDsa, created_at, signs_from).unwrap()
    }

    /// A ring of two keys, the second one published an hour before it signs, and their `kid`s.
    fn two_keys() -> (KeyRing, String, String) {
        let (first, second) = (key(FIRST, FIRST), key(SECOND - 3600, SECOND));
        let kids = (first.kid().to_owned(), second.kid().to_owned());
        (KeyRing::new(vec![second, first]), kids.0, kids.1)
    }

    #[test]
    fn a_key_signs_from_its_moment_until_the_next_does() {
        let (ring, first, second) = two_keys();
        let signer = |now| ring.signer(now).map(SigningKey::kid);
        assert_eq!(signer(FIRST - 1), Some(first.as_str()), "a slow clock");
        assert_eq!(signer(FIRST), Some(first.as_str()));
        assert_eq!(signer(SECOND - 1), Some(first.as_str()));
        assert_eq!(signer(SECOND), Some(second.as_str()));
        assert_eq!(signer(UnixTime::MAX), Some(second.as_str()));
        assert!(KeyRing::new(Vec::new()).signer(FIRST).is_none());
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_last_token_is_dead() {
        use KeyState::{Pending, Retired, Retiring, Signing};
        let (ring, first, second) = two_keys();
        for (now, states, published) in [
            (FIRST - 1, [Signing, Pending], [true, true]),
            (FIRST, [Signing, Pending], [true, true]),
            (SECOND - 1, [Signing, Pending], [true, true]),
            (SECOND, [Retiring, Signing], [true, true]),
            (DEATH - 1, [Retiring, Signing], [true, true]),
            (DEATH, [Retired, Signing], [false, true]),
            (UnixTime::MAX - 1, [Retired, Signing], [false, true]),
        ] {
            let seen: Vec<_> = ring.states(now).into_iter().map(|(key, state)| (key.kid(), state)).collect();
            assert_eq!(seen, [(first.as_str(), states[0]), (second.as_str(), states[1])], "at {now}");
            let verifies = [&first, &second].map(|kid| ring.verifier(kid, now).is_some());
            assert_eq!(verifies, published, "at {now}");
            let jwks = ring.jwks(now);
            let listed: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
            let expected = [&first, &second].into_iter().zip(published).filter(|(_, published)| *published);
            assert_eq!(listed, expected.map(|(kid, _)| kid.as_str()).collect::<Vec<_>>(), "at {now}");
        }
        for (now, gone) in [(DEATH, false), (DEATH + 3599, false), (DEATH + 3600, true), (UnixTime::MAX - 1, true)] {
            assert_eq!(ring.expired(now).contains(&first.as_str()), gone, "a clock may be ahead, at {now}");
            assert!(!ring.expired(now).contains(&second.as_str()), "it signs");
        }
    }

    #[test]
    fn a_forced_rotation_goes_before_a_pending_key_and_retires_the_signer_at_once() {
        let (old, pending, forced) = (key(0, 0), key(100, 5_000), key(200, 200));
        let kids = [&old, &forced, &pending].map(|key| key.kid().to_owned());
        let ring = KeyRing::new(vec![old, pending, forced]);
        let order: Vec<_> = ring.states(200).into_iter().map(|(key, state)| (key.kid(), state)).collect();
        let states = [KeyState::Retiring, KeyState::Signing, KeyState::Pending];
        assert_eq!(order, kids.iter().map(String::as_str).zip(states).collect::<Vec<_>>());
        assert_eq!(ring.expired(200 + LONGEST_ACCESS_LIFETIME + RETIREMENT_SLACK + DELETION_SLACK), [&kids[0]]);
    }

    #[test]
    fn nodes_that_start_at_once_choose_the_same_key() {
        let (one, two) = (key(10, 10), key(10, 10));
        let mut kids = [&one, &two].map(|key| key.kid().to_owned());
        kids.sort();
        let ring = KeyRing::new(vec![two, one]);
        assert_eq!(ring.signer(10).unwrap().kid(), kids[1]);
        assert!(kids.iter().all(|kid| ring.verifier(kid, 10).is_some()), "either may have signed already");

        let newer = iter::repeat_with(|| key(11, 10)).find(|key| key.kid() < kids[0].as_str()).unwrap();
        let newest = newer.kid().to_owned();
        let ring = KeyRing::new(ring.keys.into_iter().chain([newer]).collect());
        assert_eq!(ring.signer(10).unwrap().kid(), newest, "whatever its kid");
    }

    #[test]
    fn a_key_that_has_always_signed_ends_no_other_before_it_was_made() {
        let (one, two) = (key(FIRST, 0), key(SECOND, 0));
        let kid = one.kid().to_owned();
        let ring = KeyRing::new(vec![two, one]);
        assert!(ring.verifier(&kid, DEATH - 1).is_some());
        assert!(ring.verifier(&kid, DEATH).is_none());
    }

    #[test]
    fn a_kid_is_matched_exactly() {
        let (ring, first, _) = two_keys();
        let other_case: String = first
            .chars()
            .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        let giant = "a".repeat(100_000);
        for kid in ["", " ", "../../etc/passwd", "' OR 1=1--", &first[1..], &format!("{first} "), &other_case, &giant] {
            assert!(ring.verifier(kid, FIRST).is_none(), "{kid:.60}");
        }
    }
}
