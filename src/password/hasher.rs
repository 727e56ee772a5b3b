//! What the rest of the crate uses: verify a password, hash a password.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::arena::Arena;
use super::error::CannotHash;
use super::pace::Pace;
use super::parameters::HashParameters;
use super::pool::{Busy, KEEP, Pool};
use super::{ImportError, PlainPassword, StoredHash};
use crate::metrics::{Hashing, HashingLoad};

/// Hashes and verifies passwords on threads of its own. Clones share them; dropping the last one ends them.
///
/// Memory is at most threads × [`HashParameters::memory_kib`], of which a thread that has had nothing to do for a minute
/// holds none, and at most once the memory of a stored hash that needs more (256 MiB).
#[derive(Clone)]
pub struct Hasher {
    pool: Arc<Pool>,
    current: Arc<Current>,
}

/// Why a [`Hasher`] could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The parameters are outside the limits of argon2 or of [`HashParameters`].
    #[error(
        "argon2 takes at least 1 pass, 1 lane and 8 KiB of memory a lane; here at most 256 MiB, and memory × passes of \
         at most 1 GiB"
    )]
    Parameters,
    /// No threads were asked for.
    #[error("passwords need at least one thread")]
    NoThreads,
    /// The machine has less memory than threads × memory.
    #[error("not enough memory for the password threads")]
    Memory,
    /// The operating system refused a thread.
    #[error("cannot start a thread for passwords: {0}")]
    Thread(#[from] io::Error),
}

/// Whether a password is the right one.
#[derive(Debug)]
pub enum Verification {
    /// It is not, or there is nothing that could be right.
    Wrong,
    /// It is.
    Right {
        /// A hash of the same password with the current algorithm and parameters, if the stored one has others: to be
        /// stored by compare-and-swap on the old one, since the password may have been changed meanwhile.
        rehash: Option<StoredHash>,
    },
}

/// What new hashes look like, and what is known about how long that takes.
struct Current {
    parameters: HashParameters,
    /// Stands in for the hash that an unknown user doesn't have.
    dummy: StoredHash,
    /// Not known before the first password is verified.
    pace: OnceLock<Mutex<Pace>>,
}

impl Hasher {
    /// Starts `threads` threads for hashes with `parameters`. A job that waited for longer than `queue` is not begun any
    /// more. The threads lower their priority by `niceness`, 0 to 19. Nothing is computed and no memory is used before there is
    /// a job.
    pub fn start(
        parameters: HashParameters,
        threads: usize,
        queue: Duration,
        niceness: i32,
    ) -> Result<Self, StartError> {
        let dummy = StoredHash::random(parameters).map_err(|_: ImportError| StartError::Parameters)?;
        if threads == 0 {
            return Err(StartError::NoThreads);
        }
        let large = Arc::new(Mutex::new(()));
        let arenas = (0..threads)
            .map(|_| Arena::new(parameters, Arc::clone(&large)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| StartError::Memory)?;
        let pool = Arc::new(Pool::start(arenas, niceness, queue, parameters.estimate(), KEEP)?);
        Ok(Self { pool, current: Arc::new(Current { parameters, dummy, pace: OnceLock::new() }) })
    }

    /// What waits and runs at this moment.
    pub fn load(&self) -> HashingLoad {
        self.pool.load()
    }

    /// How long hashes waited and took.
    pub fn times(&self) -> &Arc<Hashing> {
        self.pool.times()
    }

    /// Whether a password that came at this moment would be looked at: what an overload costs should be less than a hash.
    pub fn admits(&self) -> Result<(), Busy> {
        self.pool.admits()
    }

    /// Whether `stored` is the hash of `password`.
    ///
    /// `None`, for a user who is unknown, disabled or has no (valid) hash, costs the same work and is always
    /// [`Verification::Wrong`]. [`Busy`] is no verdict and no failed attempt.
    pub async fn verify(&self, password: PlainPassword, stored: Option<StoredHash>) -> Result<Verification, Busy> {
        let current = Arc::clone(&self.current);
        let work = move |arena: &mut Arena| current.verify(&password, stored.as_ref(), arena);
        let verdict = self.pool.run(work).await?;
        let (verification, leaves) = self.unless_failed(verdict)?;
        if let Some(leaves) = leaves {
            tokio::time::sleep_until(leaves.into()).await;
        }
        Ok(verification)
    }

    /// A fresh hash of `password`, to be stored.
    pub async fn hash(&self, password: PlainPassword) -> Result<StoredHash, Busy> {
        let parameters = self.current.parameters;
        let hash = self.pool.run(move |arena| StoredHash::create(&password, parameters, arena)).await?;
        self.unless_failed(hash)
    }

    /// A hash that the machine could not compute is no verdict on the password.
    fn unless_failed<T>(&self, result: Result<T, CannotHash>) -> Result<T, Busy> {
        result.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            self.pool.busy()
        })
    }
}

impl Current {
    /// The verdict, and until when it is held back if it is [`Verification::Wrong`].
    fn verify(
        &self,
        password: &PlainPassword,
        stored: Option<&StoredHash>,
        arena: &mut Arena,
    ) -> Result<(Verification, Option<Instant>), CannotHash> {
        let pace = self.pace(arena)?;
        let against = stored.unwrap_or(&self.dummy);
        let began = Instant::now();
        let matches = against.matches(password, arena)?;
        let hold = {
            let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.note(against.cost(), began.elapsed());
            pace.hold()
        };

        if !matches || stored.is_none() {
            return Ok((Verification::Wrong, (!hold.is_zero()).then(|| began + hold)));
        }
        let rehash = if against.is_current(self.parameters) {
            None
        } else {
            Some(StoredHash::create(password, self.parameters, arena)?)
        };
        Ok((Verification::Right { rehash }, None))
    }

    /// The pace. The first caller computes a current hash for it, so that even the first wrong answer can't tell one kind of
    /// hash from another.
    fn pace(&self, arena: &mut Arena) -> Result<&Mutex<Pace>, CannotHash> {
        if let Some(pace) = self.pace.get() {
            return Ok(pace);
        }
        let began = Instant::now();
        self.dummy.matches(&PlainPassword::random(), arena)?;
        let took = began.elapsed();
        Ok(self.pace.get_or_init(|| Mutex::new(Pace::new(self.dummy.cost(), took))))
    }
}

#[cfg(test)]
mod tests;
