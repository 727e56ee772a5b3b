//! Chains: each event is sealed together with the one before, under a key that the database doesn't have. Whoever can write to
//! the database can neither change an event, nor leave one out, nor cut the end off, without its being seen.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};
use uuid::Uuid;

use super::AuditEvent;

/// A seal, or what one is added to.
pub type Seal = [u8; 32];

/// The writer of the chain that all commands share: the UUID of version 5 that stands for `tokend:audit:cli` among URLs.
pub const COMMANDS: Uuid = Uuid::from_u128(0x4f48_f2fd_9fe5_5bd8_86a2_3805_f8f4_53bc);

/// One chain as far as it has got: its writer's name, the number and the seal of its last event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Who writes it; nobody else ever does.
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
pub struct AuditKeys(Vec<hmac::Key>);

impl AuditKeys {
    /// From the keys that the master secrets derive.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8; 32]>) -> Self {
        Self(keys.into_iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect())
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
        self.first(|key| sign(key, &[b"register", writers]))
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
        self.any(seal, |key| sign(key, &[b"register", writers]))
    }

    fn first(&self, sealed: impl Fn(&hmac::Key) -> Seal) -> Seal {
        self.0.first().map_or([0; 32], sealed)
    }

    fn any(&self, seal: &[u8], sealed: impl Fn(&hmac::Key) -> Seal) -> bool {
        self.0.iter().any(|key| constant_time::verify_slices_are_equal(&sealed(key), seal).is_ok())
    }
}

/// Adds a chain to all of them, or takes it out: the order doesn't matter, and twice is not at all.
pub fn fold_in(writers: &mut Seal, writer: Uuid) {
    let digest = digest::digest(&digest::SHA256, writer.as_bytes());
    for (folded, byte) in writers.iter_mut().zip(digest.as_ref()) {
        *folded ^= byte;
    }
}

fn seal_event(key: &hmac::Key, link: Link, event: &AuditEvent) -> Seal {
    let seq = link.seq.saturating_add(1).to_be_bytes();
    sign(key, &[b"event", link.writer.as_bytes(), &seq, &link.seal, &event.canonical()])
}

fn seal_link(key: &hmac::Key, what: &[u8], link: Link) -> Seal {
    sign(key, &[what, link.writer.as_bytes(), &link.seq.to_be_bytes(), &link.seal])
}

/// Each kind of seal begins with a word of its own and goes on with parts of fixed length but the last.
fn sign(key: &hmac::Key, parts: &[&[u8]]) -> Seal {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut seal = [0; 32];
    seal.copy_from_slice(context.sign().as_ref());
    seal
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
