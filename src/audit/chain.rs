//! Chains: each event is sealed together with the one before, under a key that the database doesn't have. So `tokend audit verify`
//! sees when an event was changed or left out, or the end cut off, by a writer to the database.

use std::fmt;

use uuid::Uuid;

use super::AuditEvent;
use crate::crypto::{HmacKey, equal, sha256};

/// A seal, or what one is added to.
pub type Seal = [u8; 32];

/// The writer of the chain that all commands share: the UUID of version 5 that stands for `tokend:audit:cli` among URLs.
pub const COMMANDS: Uuid = Uuid::from_u128(0x4f48_f2fd_9fe5_5bd8_86a2_3805_f8f4_53bc);

/// One chain as far as it has got: its writer's name, the number and the seal of its last event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its only writer: a node, or all commands together.
    pub writer: Uuid,
    /// The number of its last event, from 1 on; 0 for none yet.
    pub seq: i64,
    /// The seal of its last event.
    pub seal: Seal,
}

impl Link {
    /// A chain without events.
    pub fn new(writer: Uuid) -> Self {
        Self { writer, seq: 0, seal: [0; 32] }
    }
}

/// The keys of the trail, one a master secret: the first seals, all verify.
#[derive(Clone)]
pub struct AuditKeys(Vec<HmacKey>);

impl AuditKeys {
    /// From the keys that the master secrets derive.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8; 32]>) -> Self {
        Self(keys.into_iter().map(HmacKey::new).collect())
    }

    /// The chain with one more event.
    pub fn extend(&self, link: Link, event: &AuditEvent) -> Link {
        let seal = self.first(|key| seal_event(key, link, event));
        Link { seq: link.seq.saturating_add(1), seal, ..link }
    }

    /// The seal that says where a chain ends.
    pub fn head(&self, link: Link) -> Seal {
        self.first(|key| seal_link(key, b"head", link))
    }

    /// The seal that says where a chain begins.
    pub fn start(&self, link: Link) -> Seal {
        self.first(|key| seal_link(key, b"start", link))
    }

    /// The seal that says which chains there are: `writers` is all of them, folded into one by [`fold_in`].
    pub fn register(&self, writers: &Seal) -> Seal {
        self.first(|key| key.tag(&[b"register", writers]))
    }

    /// Whether `event` with this seal is the one after `link`.
    pub fn is_next(&self, link: Link, event: &AuditEvent, seal: &[u8]) -> bool {
        self.any(seal, |key| seal_event(key, link, event))
    }

    /// Whether the seal says that the chain ends at `link`.
    pub fn is_head(&self, link: Link, seal: &[u8]) -> bool {
        self.any(seal, |key| seal_link(key, b"head", link))
    }

    /// Whether the seal says that the chain begins after `link`.
    pub fn is_start(&self, link: Link, seal: &[u8]) -> bool {
        self.any(seal, |key| seal_link(key, b"start", link))
    }

    /// Whether the seal says that these are all chains.
    pub fn is_register(&self, writers: &Seal, seal: &[u8]) -> bool {
        self.any(seal, |key| key.tag(&[b"register", writers]))
    }

    fn first(&self, sealed: impl Fn(&HmacKey) -> Seal) -> Seal {
        self.0.first().map_or([0; 32], sealed)
    }

    fn any(&self, seal: &[u8], sealed: impl Fn(&HmacKey) -> Seal) -> bool {
        self.0.iter().any(|key| equal(&sealed(key), seal))
    }
}

/// Adds a chain to the set, or takes it out again (XOR). The order doesn't matter.
pub fn fold_in(writers: &mut Seal, writer: Uuid) {
    for (folded, byte) in writers.iter_mut().zip(sha256(writer.as_bytes())) {
        *folded ^= byte;
    }
}

/// Each kind of seal begins with a word of its own and goes on with parts of fixed length but the last.
fn seal_event(key: &HmacKey, link: Link, event: &AuditEvent) -> Seal {
    let seq = link.seq.saturating_add(1).to_be_bytes();
    key.tag(&[b"event", link.writer.as_bytes(), &seq, &link.seal, &event.canonical()])
}

fn seal_link(key: &HmacKey, what: &[u8], link: Link) -> Seal {
    key.tag(&[what, link.writer.as_bytes(), &link.seq.to_be_bytes(), &link.seal])
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({}, {})", self.writer, self.seq)
    }
}

impl fmt::Debug for AuditKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKeys({} of them)", self.0.len())
    }
}
