//! Why a stored hash is refused, and why a hash is not computed.

use allocator_api2::collections::TryReserveError;

/// Why a text can't be taken for a password hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No scheme that is understood.
    #[error(
        "a password hash begins with $argon2id$, $argon2i$, $argon2d$, $2a$, $2b$, $2y$, $scrypt$, $pbkdf2-sha256$, \
         $pbkdf2-sha512$ or pbkdf2_sha256$"
    )]
    UnknownScheme,
    /// The scheme is known, but the rest is not what it writes.
    #[error("the password hash is malformed")]
    Malformed,
    /// Verifying it would cost more than a sign-in may.
    #[error(
        "the password hash is too costly: at most 256 MiB and 1 GiB of passes for argon2, 256 MiB and 512 MiB of work, r and p \
         of 64 for scrypt, cost 14 for bcrypt, 2000000 iterations for PBKDF2"
    )]
    TooCostly,
}

/// A hash that could not be computed, through no fault of the password.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotHash {
    /// The machine has no memory left.
    #[error("no memory for a password hash: {0}")]
    Memory(#[from] TryReserveError),
    /// The algorithm refused parameters that had been checked.
    #[error("a password hash was refused: {0}")]
    Refused(String),
}
