//! What a process remembers of chains: where those end that it writes, and how far all of them were at its last anchor. A chain that
//! is found behind that was put back to an earlier state, unless the purge deleted it or the whole database went back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::audit::{ChainEnd, Link};
use crate::clock::UnixTime;

/// A chain that is not where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Of the chain.
    pub writer: Uuid,
    /// How it was found.
    pub reason: String,
    /// When the last event of a chain that is gone happened: the purge may have deleted it.
    gone: Option<UnixTime>,
}

/// The end of a chain that this process writes, as of one timeline of the database.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Tip {
    pub(super) end: ChainEnd,
    pub(super) epoch: u64,
}

impl Tip {
    pub(super) fn at(self, end: ChainEnd) -> Self {
        Self { end, ..self }
    }
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    remembered: Mutex<Remembered>,
    found: Notify,
    /// Whether a part of the trail was found that isn't as it was written.
    altered: AtomicBool,
}

#[derive(Debug, Default)]
struct Remembered {
    /// Chains of this process that nobody is writing to.
    free: Vec<ChainEnd>,
    /// All chains, as they were at this process's last anchor.
    anchored: HashMap<Uuid, ChainEnd>,
    /// What was found and isn't told yet.
    rewound: Vec<Rewound>,
    /// Of the database, as it was last seen.
    timeline: Option<String>,
    /// Counts the timelines that were seen, so that what was written on an earlier one isn't gone on with.
    epoch: u64,
}

impl Memory {
    fn with<T>(&self, work: impl FnOnce(&mut Remembered) -> T) -> T {
        work(&mut self.remembered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of a part that isn't as it was written. It stays noted until the process ends.
    pub(super) fn is_altered(&self) {
        self.altered.store(true, Ordering::Relaxed);
    }

    /// Whether such a part was found.
    pub(super) fn has_altered(&self) -> bool {
        self.altered.load(Ordering::Relaxed)
    }

    /// A chain that nobody is writing to.
    pub(super) fn take(&self) -> Option<Tip> {
        self.with(|memory| Some(Tip { end: memory.free.pop()?, epoch: memory.epoch }))
    }

    /// What a chain's end is that this process has just opened.
    pub(super) fn opened(&self, end: ChainEnd) -> Tip {
        self.with(|memory| Tip { end, epoch: memory.epoch })
    }

    /// The chain may be gone on with from here.
    pub(super) fn free(&self, tip: Tip) {
        self.with(|memory| {
            if tip.epoch == memory.epoch {
                memory.free.push(tip.end);
            }
        });
    }

    /// Takes note of a chain that isn't where this process left it: it ends at `found`, or is gone.
    pub(super) fn is_not_at(&self, tip: Tip, found: Option<i64>) {
        self.with(|memory| {
            if tip.epoch == memory.epoch {
                memory.note(behind(tip.end, found));
            }
        });
        self.found.notify_one();
    }

    /// Notes what is wrong with a chain of any writer.
    pub(super) fn is_wrong(&self, writer: Uuid, reason: &str) {
        self.with(|memory| memory.note(Rewound { writer, reason: reason.to_owned(), gone: None }));
    }

    /// Records the database's timeline. A new timeline means a failover or a restore that lost the last commits, and no
    /// manipulation, so everything known is forgotten. False when the timeline can't be known at this moment.
    pub(super) fn is_on(&self, timeline: Option<String>) -> bool {
        self.with(|memory| {
            let Some(timeline) = timeline else { return memory.timeline.is_none() };
            if memory.timeline.as_ref().is_some_and(|known| *known != timeline) {
                *memory = Remembered { epoch: memory.epoch.wrapping_add(1), ..Remembered::default() };
            }
            memory.timeline = Some(timeline);
            true
        })
    }

    /// Where all chains are known to have been: the process's own that are free, and all at its last anchor.
    pub(super) fn known(&self) -> Vec<ChainEnd> {
        self.with(|memory| memory.anchored.values().chain(&memory.free).copied().collect())
    }

    /// Compares what was known with the chains as they are since, and gives those that have moved since the last anchor.
    pub(super) fn compare(&self, known: &[ChainEnd], ends: &[ChainEnd]) -> Vec<(ChainEnd, i64)> {
        let now: HashMap<Uuid, &ChainEnd> = ends.iter().map(|end| (end.link.writer, end)).collect();
        self.with(|memory| {
            for was in known {
                let is = now.get(&was.link.writer);
                if !is.is_some_and(|is| is.link.seq > was.link.seq || is.link == was.link) {
                    memory.note(behind(*was, is.map(|is| is.link.seq)));
                    memory.free.retain(|free| free.link.writer != was.link.writer);
                }
            }
            let anchored =
                |end: &ChainEnd| memory.anchored.get(&end.link.writer).map_or(0, |anchored| anchored.link.seq);
            ends.iter().map(|end| (*end, anchored(end))).filter(|(end, anchored)| end.link.seq != *anchored).collect()
        })
    }

    /// An anchor has been written that says where the chains end.
    pub(super) fn anchored(&self, ends: Vec<ChainEnd>) {
        self.with(|memory| memory.anchored = ends.into_iter().map(|end| (end.link.writer, end)).collect());
    }

    /// What was found and isn't told yet, without chains that are gone because all of their events happened at `purged` or earlier.
    pub(super) fn rewound(&self, purged: UnixTime) -> Vec<Rewound> {
        self.with(|memory| {
            memory.rewound.retain(|rewound| rewound.gone.is_none_or(|at| at > purged));
            memory.rewound.clone()
        })
    }

    pub(super) fn has_rewound(&self) -> bool {
        self.with(|memory| !memory.rewound.is_empty())
    }

    /// Waits until a chain is found that isn't where this process left it.
    pub(super) async fn is_found(&self) {
        self.found.notified().await;
    }

    pub(super) fn told(&self, told: &Rewound) {
        self.with(|memory| {
            memory.rewound.retain(|rewound| rewound != told);
            memory.anchored.remove(&told.writer);
        });
    }
}

impl Remembered {
    /// Records a chain once, however often it is found.
    fn note(&mut self, rewound: Rewound) {
        if self.rewound.iter().all(|noted| noted.writer != rewound.writer) {
            self.rewound.push(rewound);
        }
    }
}

fn behind(was: ChainEnd, found: Option<i64>) -> Rewound {
    let last = was.link.seq;
    let (reason, gone) = match found {
        None => (format!("it had {last} events and is gone"), Some(was.at)),
        Some(found) if found == last => (format!("event {last} was replaced"), None),
        Some(found) => (format!("event {last} was its last, and {found} is"), None),
    };
    Rewound { writer: was.link.writer, reason, gone }
}

/// The end of a chain without events.
pub(super) fn start(writer: Uuid) -> ChainEnd {
    ChainEnd { link: Link::new(writer), at: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixTime = 1_800_000_000;

    fn end(writer: u128, seq: i64) -> ChainEnd {
        let link = Link { writer: Uuid::from_u128(writer), seq, seal: [u8::try_from(seq).unwrap(); 32] };
        ChainEnd { link, at: AT }
    }

    fn with_free(ends: &[ChainEnd]) -> Memory {
        let memory = Memory::default();
        for end in ends {
            memory.free(memory.opened(*end));
        }
        memory
    }

    fn found(memory: &Memory, purged: UnixTime) -> Vec<(u128, String)> {
        memory.rewound(purged).into_iter().map(|rewound| (rewound.writer.as_u128(), rewound.reason)).collect()
    }

    #[test]
    fn a_chain_that_is_behind_is_told_once_and_one_that_got_further_never() {
        let memory = with_free(&[end(1, 7), end(2, 7), end(3, 7), end(4, 7)]);
        memory.anchored(vec![end(1, 7), end(5, 2)]);
        let replaced = ChainEnd { link: Link { seal: [9; 32], ..end(4, 7).link }, ..end(4, 7) };
        let moved = memory.compare(&memory.known(), &[end(1, 5), end(2, 8), replaced, end(5, 2), end(6, 1)]);
        assert_eq!(
            moved.iter().map(|(end, from)| (end.link.writer.as_u128(), *from)).collect::<Vec<_>>(),
            [(1, 7), (2, 0), (4, 0), (6, 0)]
        );
        let mut told = found(&memory, AT - 1);
        told.sort();
        assert_eq!(
            told,
            [
                (1, "event 7 was its last, and 5 is".to_owned()),
                (3, "it had 7 events and is gone".to_owned()),
                (4, "event 7 was replaced".to_owned())
            ]
        );
        assert_eq!(memory.take().map(|tip| tip.end), Some(end(2, 7)), "the others are not gone on with");
        assert!(memory.take().is_none());
        for rewound in memory.rewound(AT - 1) {
            memory.told(&rewound);
        }
        assert!(!memory.has_rewound() && memory.compare(&memory.known(), &[end(5, 2)]).is_empty());
    }

    #[test]
    fn a_chain_that_is_old_enough_to_be_purged_may_be_gone() {
        let memory = with_free(&[end(1, 7)]);
        memory.compare(&memory.known(), &[]);
        assert_eq!(found(&memory, AT - 1).len(), 1);
        assert_eq!(found(&memory, AT), []);
    }

    #[test]
    fn another_timeline_forgets_everything() {
        let memory = with_free(&[end(1, 7), end(2, 7)]);
        let under_way = memory.take().unwrap();
        assert!(memory.is_on(None), "there are no timelines");
        assert!(memory.is_on(Some("00000001".to_owned())));
        assert!(!memory.is_on(None), "it can't be asked at this moment");
        assert!(memory.is_on(Some("00000001".to_owned())));
        memory.anchored(vec![end(3, 1)]);
        memory.is_not_at(memory.opened(end(4, 7)), Some(5));
        assert_eq!((memory.known().len(), memory.has_rewound()), (2, true));
        assert!(memory.is_on(Some("00000002".to_owned())));
        memory.free(under_way);
        memory.is_not_at(under_way, None);
        assert_eq!((memory.known().len(), memory.has_rewound()), (0, false), "the database itself is behind");
    }
}
