//! What an argon2 hash costs, and how much that may be.

use std::time::Duration;

use argon2::Params;

use super::error::ImportError;

/// The cost of one argon2 hash. The default is the OWASP recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashParameters {
    /// m: memory in KiB, from 8 × parallelism to [`HashParameters::MAX_MEMORY_KIB`].
    pub memory_kib: u32,
    /// t: passes over the memory, 1 or more; m × t is at most [`HashParameters::MAX_WORK_KIB`].
    pub iterations: u32,
    /// p: lanes, 1 or more. They are computed one after the other: a thread is all that a hash gets.
    pub parallelism: u32,
}

impl Default for HashParameters {
    fn default() -> Self {
        Self { memory_kib: 19456, iterations: 2, parallelism: 1 }
    }
}

impl HashParameters {
    /// The most memory that a hash may ask for, 256 MiB: more, in a stored hash, is an attack or a mistake.
    pub const MAX_MEMORY_KIB: u32 = 256 * 1024;

    /// The most memory × iterations that a hash may ask for, 1 GiB: about a second of work.
    pub const MAX_WORK_KIB: u64 = 1024 * 1024;

    /// How long a hash takes, before it was measured: at 1 GiB a second, as on a slow machine.
    pub(super) fn estimate(self) -> Duration {
        Duration::from_micros(u64::from(self.memory_kib) * u64::from(self.iterations))
    }

    /// What the algorithm takes, if this is within its limits and ours.
    pub(super) fn checked(self, output_bytes: usize) -> Result<Params, ImportError> {
        let work = u64::from(self.memory_kib) * u64::from(self.iterations);
        if self.memory_kib > Self::MAX_MEMORY_KIB || work > Self::MAX_WORK_KIB {
            return Err(ImportError::TooCostly);
        }
        Params::new(self.memory_kib, self.iterations, self.parallelism, Some(output_bytes))
            .map_err(|_| ImportError::Malformed)
    }
}
