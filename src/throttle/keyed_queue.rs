//! A queue for each key: one sign-in attempt on an account at a time, so that each sees how the one before it ended. Right passwords in
//! parallel all get in, and no more wrong ones are hashed than the limit allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::clock::UnixTime;

/// An account or a device, as the digest under which its failures are counted.
pub type AttemptKey = [u8; 16];

type Room = Arc<AsyncMutex<UnixTime>>;

/// One queue for each account or device that somebody signs in to.
#[derive(Debug, Default)]
pub struct KeyedQueue(Mutex<HashMap<AttemptKey, Room>>);

/// The place at the head of a queue. The next one follows when it is dropped.
#[derive(Debug)]
pub struct Turn {
    queue: Arc<KeyedQueue>,
    key: AttemptKey,
    refused_until: Option<OwnedMutexGuard<UnixTime>>,
}

impl KeyedQueue {
    /// Waits for `patience` at most. `None` says nothing about the attempt.
    pub async fn wait(self: &Arc<Self>, key: AttemptKey, patience: Duration) -> Option<Turn> {
        let room = {
            let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(rooms.entry(key).or_default())
        };
        // Made before the wait, so that an attempt that is cancelled while it waits tidies up as well.
        let mut turn = Turn { queue: Arc::clone(self), key, refused_until: None };
        turn.refused_until = tokio::time::timeout(patience, room.lock_owned()).await.ok();
        turn.refused_until.is_some().then_some(turn)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Turn {
    /// Until when the limit refuses attempts, as the one before has learnt. Saves asking the database.
    pub fn refused_until(&self) -> UnixTime {
        self.refused_until.as_deref().copied().unwrap_or_default()
    }

    /// Tells the waiting attempts that the limit refuses them until `time`.
    pub fn refuse_until(&mut self, time: UnixTime) {
        if let Some(until) = &mut self.refused_until {
            **until = time;
        }
    }
}

/// The last one out removes the room: the map and it are then the only ones who know of it.
impl Drop for Turn {
    fn drop(&mut self) {
        let mut rooms = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.refused_until = None;
        if rooms.get(&self.key).is_some_and(|room| Arc::strong_count(room) == 1) {
            rooms.remove(&self.key);
        }
    }
}
