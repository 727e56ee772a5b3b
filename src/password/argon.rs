//! argon2, RFC 9106: the one algorithm that new hashes use, and the memory that it works in.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use allocator_api2::alloc::System;
use allocator_api2::collections::TryReserveError;
use allocator_api2::vec::Vec as VecIn;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::PlainPassword;
use super::stored::{ImportError, decimals, same};

/// Salt and output of new hashes, in bytes (RFC 9106 §4).
const SALT_BYTES: usize = 16;
pub(super) const OUTPUT_BYTES: usize = 32;

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

    /// How long a hash takes, for want of a measurement: what a machine of the slower kind needs, at 1 GiB a second.
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

/// Memory from the system. The program's own allocator would keep it for the next one who needs as much.
type Blocks = VecIn<Block, System>;

/// The least address space that an arena asks for, in blocks. From 32 MiB on, glibc maps every allocation by itself and
/// unmaps it when it is freed; anything less it learns to keep, after the first time (mallopt(3), `M_MMAP_THRESHOLD`).
/// What is never written to takes no memory.
const RETURNABLE: usize = 33 * 1024;

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

/// The memory that one thread hashes in, and its share in the room for hashes that need more.
///
/// What it holds is address space until the first hash, and memory from then until it is given back.
pub(super) struct Arena {
    blocks: Blocks,
    count: usize,
    large: Arc<Mutex<()>>,
}

impl Arena {
    /// Address space for hashes with `parameters`. Arenas with the same `large` take turns in allocating more.
    pub(super) fn new(parameters: HashParameters, large: Arc<Mutex<()>>) -> Result<Self, TryReserveError> {
        let count = usize::try_from(parameters.memory_kib).unwrap_or(usize::MAX);
        let mut blocks = Blocks::new_in(System);
        reserve(&mut blocks, count)?;
        Ok(Self { blocks, count, large })
    }

    /// The memory, which is taken from the machine if this holds none.
    pub(super) fn memory(&mut self) -> Result<&mut [Block], TryReserveError> {
        fill(&mut self.blocks, self.count)?;
        Ok(&mut self.blocks)
    }

    /// Gives the memory back to the machine.
    pub(super) fn give_back(&mut self) {
        self.blocks = Blocks::new_in(System);
    }

    /// Whether no memory is held.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Computes with memory of its own; one thread at a time, so that such memory exists once and not once a thread.
    pub(super) fn alone<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

fn fill(blocks: &mut Blocks, count: usize) -> Result<(), TryReserveError> {
    reserve(blocks, count)?;
    blocks.resize(count, Block::new());
    Ok(())
}

fn reserve(blocks: &mut Blocks, count: usize) -> Result<(), TryReserveError> {
    blocks.try_reserve_exact(count.max(RETURNABLE).saturating_sub(blocks.len()))
}

/// An argon2 hash: what it was computed with, and what came out.
#[derive(Clone)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Argon2Hash {
    /// A hash of `password` with a fresh salt.
    pub(super) fn create(
        password: &PlainPassword,
        parameters: HashParameters,
        arena: &mut Arena,
    ) -> Result<Self, CannotHash> {
        // Its output takes the place of the random one.
        let mut hash = Self::random(parameters).map_err(|error| CannotHash::Refused(error.to_string()))?;
        hash.output = hash.compute(password, OUTPUT_BYTES, arena)?;
        Ok(hash)
    }

    /// A hash that no password has, but that takes as long to verify as any with `parameters`.
    pub(super) fn random(parameters: HashParameters) -> Result<Self, ImportError> {
        let params = parameters.checked(OUTPUT_BYTES)?;
        let salt = crate::random::bytes::<SALT_BYTES>().to_vec();
        let output = crate::random::bytes::<OUTPUT_BYTES>().to_vec();
        Ok(Self { algorithm: Algorithm::Argon2id, version: Version::V0x13, params, salt, output })
    }

    /// The PHC string of a hash of the version that says its number.
    pub(super) fn to_phc(&self) -> String {
        let (algorithm, version) = (self.algorithm.as_str(), u32::from(self.version));
        let HashParameters { memory_kib, iterations, parallelism } = self.parameters();
        let (salt, output) = (STANDARD_NO_PAD.encode(&self.salt), STANDARD_NO_PAD.encode(&self.output));
        format!("${algorithm}$v={version}$m={memory_kib},t={iterations},p={parallelism}${salt}${output}")
    }

    /// Reads a PHC string with the parameters m, t and p and no others.
    pub(super) fn parse(phc: &PasswordHash) -> Result<Self, ImportError> {
        let algorithm = Algorithm::new(phc.algorithm.as_str()).map_err(|_| ImportError::UnknownScheme)?;
        // The first version of argon2 did not write its number.
        let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(|_| ImportError::Malformed)?;
        let [memory_kib, iterations, parallelism] = decimals(phc, ["m", "t", "p"])?;
        let (Some(salt), Some(output)) = (&phc.salt, &phc.hash) else {
            return Err(ImportError::Malformed);
        };
        let params = HashParameters { memory_kib, iterations, parallelism }.checked(output.len())?;
        let (salt, output) = (salt.to_vec(), output.as_bytes().to_vec());
        Ok(Self { algorithm, version, params, salt, output })
    }

    /// What it costs.
    pub(super) fn parameters(&self) -> HashParameters {
        let (memory_kib, iterations) = (self.params.m_cost(), self.params.t_cost());
        HashParameters { memory_kib, iterations, parallelism: self.params.p_cost() }
    }

    /// Whether this is the hash of `password`.
    pub(super) fn matches(&self, password: &PlainPassword, arena: &mut Arena) -> Result<bool, CannotHash> {
        Ok(same(&self.output, &self.compute(password, self.output.len(), arena)?))
    }

    /// Whether a new hash with `parameters` would look like this one.
    pub(super) fn is_current(&self, parameters: HashParameters) -> bool {
        (self.algorithm, self.version) == (Algorithm::Argon2id, Version::V0x13)
            && self.parameters() == parameters
            && (self.salt.len(), self.output.len()) == (SALT_BYTES, OUTPUT_BYTES)
    }

    fn compute(&self, password: &PlainPassword, bytes: usize, arena: &mut Arena) -> Result<Vec<u8>, CannotHash> {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut output = vec![0; bytes];
        let mut work = |memory: &mut [Block]| {
            argon2
                .hash_password_into_with_memory(password.as_bytes(), &self.salt, &mut output, memory)
                .map_err(|error| CannotHash::Refused(error.to_string()))
        };
        let count = self.params.block_count();
        if count <= arena.count {
            work(arena.memory()?)?;
        } else {
            arena.alone(|| {
                let mut own = Blocks::new_in(System);
                fill(&mut own, count)?;
                work(&mut own)
            })?;
        }
        Ok(output)
    }
}

#[cfg(test)]
impl Arena {
    /// One for which no machine has the memory.
    pub(super) fn impossible() -> Self {
        Self { blocks: Blocks::new_in(System), count: usize::MAX / Block::SIZE, large: Arc::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_needs_more_than_the_arena_takes_turns_and_leaves_no_memory_behind() {
        let large = Arc::new(Mutex::new(()));
        let small = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };
        let mut arena = Arena::new(small, Arc::clone(&large)).unwrap();
        let password = PlainPassword::presented("correct horse").unwrap();
        let hash = Argon2Hash::create(&password, HashParameters { memory_kib: 1024, ..small }, &mut arena).unwrap();
        assert!(hash.matches(&password, &mut arena).unwrap());
        assert!(arena.is_empty(), "it used none of its own");

        arena.alone(|| assert!(large.try_lock().is_err(), "nobody else may have such memory meanwhile"));
        let _turn = large.lock().unwrap();
        let hash = Argon2Hash::create(&password, small, &mut arena).unwrap();
        assert!(hash.matches(&password, &mut arena).unwrap(), "what fits the arena waits for no turn");
        assert_eq!(arena.blocks.len(), 64);
    }

    #[test]
    fn an_arena_holds_memory_from_its_first_hash_until_it_gives_it_back() {
        let small = HashParameters { memory_kib: 64, iterations: 1, parallelism: 1 };
        let mut arena = Arena::new(small, Arc::default()).unwrap();
        let password = PlainPassword::presented("correct horse").unwrap();
        let hash = Argon2Hash::random(small).unwrap();
        for _ in 0..2 {
            assert!(arena.is_empty());
            assert!(!hash.matches(&password, &mut arena).unwrap());
            let held = arena.memory().unwrap().as_ptr();
            assert!(!hash.matches(&password, &mut arena).unwrap());
            assert_eq!((arena.blocks.as_ptr(), arena.blocks.len()), (held, 64), "it is kept");
            arena.give_back();
            assert_eq!(arena.blocks.capacity(), 0);
        }
    }

    /// What this process has of the machine's memory, in MiB.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim_end_matches("kB").trim().parse::<usize>().unwrap() / 1024
    }

    /// Many times, since an allocator may learn to keep what comes again and again. Other tests use some of it meanwhile.
    #[test]
    fn the_machine_has_the_memory_that_is_given_back() {
        let parameters = HashParameters { memory_kib: HashParameters::MAX_MEMORY_KIB, iterations: 1, parallelism: 1 };
        let mut arena = Arena::new(parameters, Arc::default()).unwrap();
        for _ in 0..3 {
            let before = resident();
            arena.memory().unwrap();
            let held = resident();
            arena.give_back();
            assert!(held > before + 128, "{before} {held}");
            assert!(resident() + 128 < held, "{held} {}", resident());
        }
    }

    #[test]
    fn memory_that_can_not_be_had_is_an_error() {
        let password = PlainPassword::presented("correct horse").unwrap();
        let hash = Argon2Hash::random(HashParameters::default()).unwrap();
        assert!(matches!(hash.matches(&password, &mut Arena::impossible()), Err(CannotHash::Memory(_))));
    }

    #[test]
    fn the_default_is_19456_kib_two_passes_one_lane() {
        let mut arena = Arena::new(HashParameters::default(), Arc::default()).unwrap();
        let password = PlainPassword::presented("correct horse").unwrap();
        let text = Argon2Hash::create(&password, HashParameters::default(), &mut arena).unwrap().to_phc();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert_eq!(text.len(), "$argon2id$v=19$m=19456,t=2,p=1$".len() + 22 + 1 + 43);
    }
}
