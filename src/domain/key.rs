//! Signing keys as they are stored.

use super::SigningAlgorithm;
use crate::clock::UnixTime;

/// A key of the audit trail, sealed under the master secret: worth nothing without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAuditKey {
    /// The key's identifier: a hash of it.
    pub id: Vec<u8>,
    /// The sealed key.
    pub sealed: Vec<u8>,
}

/// A signing key whose private half is sealed under the master secret: worth nothing without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key's identifier, RFC 7517 §4.5.
    pub kid: String,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// The sealed private key.
    pub sealed_private: Vec<u8>,
    /// When it was made, and published.
    pub created_at: UnixTime,
    /// From when on it signs.
    pub signs_from: UnixTime,
}
