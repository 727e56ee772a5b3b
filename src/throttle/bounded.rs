//! A bounded map, for keys that an attacker chooses. Only idle entries are dropped.

use std::collections::HashMap;
use std::hash::Hash;

use crate::clock::UnixTime;

/// At most so many entries.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    entries: HashMap<K, V>,
    capacity: usize,
    swept_at: Option<UnixTime>,
}

impl<K: Eq + Hash, V> Bounded<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity, swept_at: None }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Whether `key` is in it, or could be put into it. A full map first forgets what `is_idle`, once a second at most:
    /// looking at everything for each key would be what an attacker wants.
    pub(super) fn admits(&mut self, key: &K, now: UnixTime, is_idle: impl Fn(&V) -> bool) -> bool {
        if self.entries.contains_key(key) || self.entries.len() < self.capacity {
            return true;
        }
        if self.swept_at != Some(now) {
            self.swept_at = Some(now);
            self.entries.retain(|_, value| !is_idle(value));
            self.entries.shrink_to(self.capacity / 2);
        }
        self.entries.len() < self.capacity
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<K: Eq + Hash, V: Default> Bounded<K, V> {
    /// The entry of a key that it [`Self::admits`].
    pub(super) fn entry(&mut self, key: K) -> &mut V {
        self.entries.entry(key).or_default()
    }
}
