//! Attempts on one account take turns: each sees what became of those before it. Right passwords in parallel all get in, and
//! of wrong ones no more are hashed than the limit says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::clock::UnixTime;

/// An account or a device, as the digest under which its failures are counted.
pub type AttemptKey = [u8; 16];

type Room = Arc<AsyncMutex<UnixTime>>;

/// Who is at it, by account.
#[derive(Debug, Default)]
pub struct Turns(Mutex<HashMap<AttemptKey, Room>>);

/// A turn. The next one comes when it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    key: AttemptKey,
    refused_until: Option<OwnedMutexGuard<UnixTime>>,
}

impl Turns {
    /// Waits for a turn, for `patience` at most: who gets none hasn't been judged.
    pub async fn wait(self: &Arc<Self>, key: AttemptKey, patience: Duration) -> Option<Turn> {
        let room = {
            let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(rooms.entry(key).or_default())
        };
        // Whoever gives up or goes away here leaves the room to be tidied up by the turn that it has.
        let mut turn = Turn { turns: Arc::clone(self), key, refused_until: None };
        turn.refused_until = tokio::time::timeout(patience, room.lock_owned()).await.ok();
        turn.refused_until.is_some().then_some(turn)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Turn {
    /// Until when those who wait needn't ask, as whoever had the turn before was told.
    pub fn refused_until(&self) -> UnixTime {
        self.refused_until.as_deref().copied().unwrap_or_default()
    }

    /// Tells those who wait that they needn't ask before then.
    pub fn refuse_until(&mut self, time: UnixTime) {
        if let Some(until) = &mut self.refused_until {
            **until = time;
        }
    }
}

/// The last one out removes the room: the map and it are then the only ones who know of it.
impl Drop for Turn {
    fn drop(&mut self) {
        let mut rooms = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.refused_until = None;
        if rooms.get(&self.key).is_some_and(|room| Arc::strong_count(room) == 1) {
            rooms.remove(&self.key);
        }
    }
}
