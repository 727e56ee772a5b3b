//! What a verification can find.

use uuid::Uuid;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many events were looked at, anchors aside.
    pub events: u64,
    /// How many anchors.
    pub anchors: u64,
    /// In how many chains.
    pub chains: u64,
    /// What is wrong; empty when nothing is.
    pub findings: Vec<Finding>,
}

/// Something that isn't as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Chains are missing, or there are some that nobody opened.
    #[error("the register doesn't know these chains: one is missing, or one was added")]
    Register,
    /// The register has no seal: it was taken away, or the database is of an early version and nothing was ever told.
    #[error("the register of chains is not sealed: if the database is one of version 0.1.0, run tokend audit seal")]
    Unsealed,
    /// The seal of where a chain begins or ends is wrong.
    #[error("chain {writer}: where it begins or ends was changed")]
    Ends {
        /// Of the chain.
        writer: Uuid,
    },
    /// An event isn't the next one of its chain: it was changed, or one before it is missing.
    #[error("chain {writer}: event {seq} was changed, or follows one that is missing")]
    Event {
        /// Of the chain.
        writer: Uuid,
        /// The number of the event.
        seq: i64,
    },
    /// The chain has fewer or more events than it had.
    #[error("chain {writer}: its end is missing, or something was added to it")]
    Cut {
        /// Of the chain.
        writer: Uuid,
    },
    /// Events of a chain that isn't there.
    #[error("there are events of chain {writer}, which is not there")]
    Orphans {
        /// Of the chain.
        writer: Uuid,
    },
    /// An anchor without its event, an event without its anchor, or another list than the event's.
    #[error("chain {writer}: anchor {seq} is missing, was changed, or its event is")]
    Anchor {
        /// Of the chain that it is in.
        writer: Uuid,
        /// The number of its event.
        seq: i64,
    },
    /// An anchor says that the chain had another event of this number, or had this number at all.
    #[error("chain {writer} was put back to an earlier state: an anchor saw its event {seq}")]
    Rewound {
        /// Of the chain.
        writer: Uuid,
        /// The number of the event.
        seq: i64,
    },
    /// An anchor says that there was a chain, and it was too young to be purged.
    #[error("chain {writer} is gone: an anchor saw it, and it is too young to have been purged")]
    Gone {
        /// Of the chain.
        writer: Uuid,
    },
    /// A process found a chain behind and told of it.
    #[error("chain {writer}: event {seq} tells that a chain was put back (tokend audit list shows audit.rewound)")]
    Told {
        /// Of the chain that tells of it.
        writer: Uuid,
        /// The number of the event.
        seq: i64,
    },
}
