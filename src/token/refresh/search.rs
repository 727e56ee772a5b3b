//! The current token, found again from an ancestor of it or from an orphan: the answer to a retry.

use std::collections::VecDeque;
use std::iter;

use zeroize::Zeroizing;

use super::{RefreshKey, RefreshKeys, RefreshToken, SECRET_BYTES};
use crate::domain::{PlainSecret, Session};

/// How many exchanges a retry may be behind.
const MAX_STEPS: usize = 64;

/// How many texts are tried. With two keys the chains of one key alone are 130 at most; the rest is for chains that mix
/// keys, as nodes make them while a new master secret reaches one after the other.
const MAX_CANDIDATES: usize = 512;

/// A secret, and the key that its token is sealed with: who turns the ratchet seals too, and with the same key.
type Candidate<'a> = (&'a RefreshKey, Zeroizing<[u8; SECRET_BYTES]>);

impl RefreshKeys {
    /// The session's current token, if `presented` leads to it by turning the ratchet no more often than there were
    /// exchanges since, and 64 times at most. `None` says that it doesn't, which is no reason to revoke anything.
    pub fn find_current(&self, presented: &RefreshToken, session: &Session) -> Option<PlainSecret> {
        let behind = session.generation.saturating_sub(presented.generation).max(0);
        let steps = usize::try_from(behind).map_or(MAX_STEPS, |steps| steps.min(MAX_STEPS));
        self.unturned(presented)
            .chain(self.by_one_key(presented, steps))
            .chain(self.by_any_keys(presented, steps))
            .take(MAX_CANDIDATES)
            .map(|(key, secret)| {
                key.seal(&RefreshToken {
                    session_id: presented.session_id,
                    generation: session.generation,
                    issued_at: session.rotated_at,
                    secret,
                })
            })
            .find(|text| text.hash() == session.current_hash)
    }

    /// The presented secret itself: of the current token, or of an orphan whose place the current token took.
    fn unturned<'a>(&'a self, presented: &RefreshToken) -> impl Iterator<Item = Candidate<'a>> {
        self.all().map(|key| (key, presented.secret.clone()))
    }

    /// What each key alone makes of the presented secret.
    fn by_one_key<'a>(&'a self, presented: &'a RefreshToken, steps: usize) -> impl Iterator<Item = Candidate<'a>> {
        self.all().flat_map(move |key| {
            let turn = |secret: &[u8; SECRET_BYTES]| key.ratchet(presented.session_id, secret);
            iter::successors(Some(turn(&presented.secret)), move |secret| Some(turn(secret)))
                .take(steps)
                .map(move |secret| (key, secret))
        })
    }

    /// What the keys make of the presented secret in any order, short chains first.
    fn by_any_keys<'a>(&'a self, presented: &'a RefreshToken, steps: usize) -> impl Iterator<Item = Candidate<'a>> {
        let turn = |key: &'a RefreshKey, secret: &[u8; SECRET_BYTES]| (key, key.ratchet(presented.session_id, secret));
        let steps = if self.all().count() == 1 { 0 } else { steps };
        let mut queue = VecDeque::new();
        if steps > 0 {
            queue.extend(self.all().map(|key| (1, turn(key, &presented.secret))));
        }
        iter::from_fn(move || {
            let (depth, (key, secret)) = queue.pop_front()?;
            if depth < steps {
                queue.extend(self.all().map(|key| (depth + 1, turn(key, &secret))));
            }
            Some((key, secret))
        })
    }
}
