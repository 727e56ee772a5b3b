//! One session before the real judge: a token is presented, the row changes, an answer goes out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tokend::clock::{NEVER, Seconds, UnixTime};
use tokend::domain::{Device, Recovery, RefreshPolicy, Scope, SecretHash, Session, SessionId, UserId};
use tokend::token::judge::{Exchange, Presented, Verdict, apply, judge};
use tokend::token::refresh::{RefreshKey, RefreshKeys, RefreshToken};
use uuid::Uuid;

/// When every history begins.
pub const START: UnixTime = 1_000_000;

/// A token: a number in the order in which all histories together first met them.
pub type Id = usize;

/// The session's first token.
pub const FIRST: Id = 0;

struct Made {
    token: RefreshToken,
    presented: Presented,
    /// How often the ratchet was turned for it.
    depth: usize,
}

/// The server, and all tokens that it made in any history.
pub struct Court {
    pub policy: RefreshPolicy,
    keys: RefreshKeys,
    tokens: RefCell<Vec<Made>>,
    ids: RefCell<HashMap<Vec<u8>, Id>>,
}

/// What presenting a token led to.
pub struct Judged {
    pub verdict: Verdict,
    pub session: Rc<Session>,
    /// The token in the answer; `None` for a refusal.
    pub answer: Option<Id>,
}

/// The row and the tokens in somebody's hands, without what doesn't matter for what comes: which second it is, which
/// numbers generations and tokens have, how much older than any limit something is.
pub struct Portrait {
    ids: Vec<Id>,
    pub key: Vec<u8>,
}

impl Portrait {
    /// A token's name in this portrait: its rank by generation.
    pub fn name(&self, id: Id) -> u8 {
        u8::try_from(self.ids.iter().position(|known| *known == id).unwrap()).unwrap()
    }
}

impl Court {
    /// A court with a window of `window` ticks, and a session that has just begun.
    pub fn new(window: Seconds, recovery: Recovery) -> (Rc<Self>, Rc<Session>) {
        let policy =
            RefreshPolicy { rotation: true, reuse_window: window, recovery, idle_lifetime: 0, absolute_lifetime: 0 };
        let keys = RefreshKeys::new(RefreshKey::new(1, &[1; 32], &[2; 32]), Vec::new());
        let court = Self { policy, keys, tokens: RefCell::default(), ids: RefCell::default() };
        let id = SessionId(Uuid::from_u128(7));
        let first = court.keys.seal(&RefreshToken::first(id, START, [3; 32]));
        assert_eq!(court.file(first.reveal(), 0), FIRST);
        let session = Session {
            id,
            user_id: UserId(Uuid::from_u128(8)),
            client_id: "app".parse().unwrap(),
            scope: Scope::default(),
            audience: Vec::new(),
            generation: 1,
            current_hash: first.hash(),
            parent_hash: None,
            rotated_at: START,
            anchor: None,
            grant_type: "password".to_owned(),
            amr: vec!["pwd".to_owned()],
            created_at: START,
            auth_time: START,
            last_used_at: START,
            idle_expires_at: NEVER,
            expires_at: NEVER,
            revoked: None,
            device: Device::default(),
        };
        (Rc::new(court), Rc::new(session))
    }

    /// Judges token `id` as the server does, and writes what follows.
    pub fn present(&self, id: Id, session: &Rc<Session>, now: UnixTime) -> Judged {
        let (token, presented, depth) = {
            let tokens = self.tokens.borrow();
            (tokens[id].token.clone(), tokens[id].presented, tokens[id].depth)
        };
        let verdict = judge(&presented, session, now, &self.policy);
        let (session, answer) = match verdict {
            Verdict::Rotate | Verdict::Recover => {
                let (exchange, answer) = Exchange::plan(&self.keys, &token, &presented, session, now, &self.policy);
                (Rc::new(apply(session, &exchange).unwrap()), Some(self.file(answer.reveal(), depth + 1)))
            }
            Verdict::Replay | Verdict::Unrotated => {
                let answer = self.keys.find_current(&token, session);
                (Rc::clone(session), answer.map(|answer| self.id(&answer.hash())))
            }
            Verdict::Reuse | Verdict::Ahead => (Rc::clone(session), None),
        };
        assert!(answer.is_none_or(|answer| answer == self.id(&session.current_hash)), "answers with the current token");
        Judged { verdict, session, answer }
    }

    /// Whether the current token and no other of the `held` ones would get a `Rotate`.
    pub fn one_is_live(&self, session: &Session, now: UnixTime, mut held: impl Iterator<Item = Id>) -> bool {
        let tokens = self.tokens.borrow();
        let rotates = |id: Id| judge(&tokens[id].presented, session, now, &self.policy) == Verdict::Rotate;
        let current = self.id(&session.current_hash);
        rotates(current) && held.all(|id| id == current || !rotates(id))
    }

    /// The session and the `held` tokens as they are at `now`.
    pub fn portrait(&self, session: &Session, now: UnixTime, held: impl Iterator<Item = Id>) -> Portrait {
        let tokens = self.tokens.borrow();
        let current = self.id(&session.current_hash);
        let parent = session.parent_hash.map(|hash| self.id(&hash));
        let mut ids: Vec<Id> = held.chain(parent).chain([current]).collect();
        ids.sort_unstable_by_key(|id| tokens[*id].presented.generation);
        ids.dedup();
        let mut portrait = Portrait { ids, key: Vec::new() };
        let anchor = session.anchor;
        let anchored = portrait
            .ids
            .iter()
            .find(|id| anchor.is_some_and(|anchor| anchor.generation == tokens[**id].presented.generation));
        let before = |time: UnixTime| self.age(time, session.rotated_at);
        portrait.key = vec![
            self.age(session.rotated_at, now),
            portrait.name(current),
            parent.map_or(u8::MAX, |id| portrait.name(id)),
            anchored.map_or(u8::MAX, |id| portrait.name(*id)),
            anchored.and(anchor).map_or(u8::MAX, |anchor| before(anchor.at)),
        ];
        for id in &portrait.ids {
            let turns = tokens[current].depth - tokens[*id].depth;
            portrait.key.extend([before(tokens[*id].presented.issued_at), u8::try_from(turns.min(2)).unwrap()]);
        }
        portrait
    }

    /// How long before `now` something was, as far as it matters: no rule looks back further than two windows.
    fn age(&self, then: UnixTime, now: UnixTime) -> u8 {
        u8::try_from((now - then).clamp(0, 2 * self.policy.reuse_window)).unwrap()
    }

    fn id(&self, hash: &SecretHash) -> Id {
        self.ids.borrow()[hash.as_bytes()]
    }

    fn file(&self, text: &str, depth: usize) -> Id {
        let hash = SecretHash::of(text.as_bytes());
        let mut tokens = self.tokens.borrow_mut();
        *self.ids.borrow_mut().entry(hash.as_bytes().to_vec()).or_insert_with(|| {
            let token = self.keys.open(text).unwrap();
            let presented = Presented::new(&token, hash);
            tokens.push(Made { token, presented, depth });
            tokens.len() - 1
        })
    }
}
