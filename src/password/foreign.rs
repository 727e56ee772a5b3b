//! Hashes that other servers made: bcrypt, scrypt, PBKDF2. They are only ever verified; a new hash is argon2id.

use std::num::NonZeroU32;

use argon2::password_hash::phc::PasswordHash;
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;

use super::PlainPassword;
use super::arena::Arena;
use super::error::{CannotHash, ImportError};
use super::phc::{decimals, same};

/// bcrypt reads no more than this of a password, and ends it at a NUL.
const BCRYPT_BYTES: usize = 72;
/// 2^14 rounds: about a second.
const BCRYPT_MAX_COST: u32 = 14;

/// 128 × N × r, the memory that scrypt takes, and that × p, its work (RFC 7914 §2): 256 MiB and about a second.
const SCRYPT_MAX_MEMORY: u64 = 256 << 20;
const SCRYPT_MAX_WORK: u64 = 512 << 20;
/// r and p: four times what anybody uses. It keeps the memory beside N × r small.
const SCRYPT_MAX_R_AND_P: u32 = 64;

/// Django, the most demanding of those that write such hashes, asks for a little over a million.
const PBKDF2_MAX_ITERATIONS: u32 = 2_000_000;
/// Less than this could be guessed outright.
const PBKDF2_MIN_OUTPUT: usize = 16;

/// The cost of a bcrypt hash `$2a$`, `$2b$` or `$2y$`: three names of one algorithm. `$2x$` names a broken one.
pub(super) fn bcrypt_cost(text: &str) -> Result<u32, ImportError> {
    let cost = text.parse::<HashParts>().map_err(|_| ImportError::Malformed)?.get_cost();
    match cost {
        4..=BCRYPT_MAX_COST => Ok(cost),
        0..4 => Err(ImportError::Malformed),
        _ => Err(ImportError::TooCostly),
    }
}

/// Whether the bcrypt hash `text` is that of `password`. A password that bcrypt would cut short is wrong, after the same
/// work: what it would be compared with stands for many passwords.
pub(super) fn bcrypt_matches(password: &PlainPassword, text: &str) -> Result<bool, CannotHash> {
    let password = password.as_bytes();
    let whole = password.len() <= BCRYPT_BYTES && !password.contains(&0);
    let matches = bcrypt::verify(password, text).map_err(|error| CannotHash::Refused(error.to_string()))?;
    Ok(whole && matches)
}

/// An scrypt hash, RFC 7914.
#[derive(Clone)]
pub(super) struct ScryptHash {
    params: scrypt::Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl ScryptHash {
    /// Reads a PHC string with the parameters `ln` (log2 N), `r`, `p`.
    pub(super) fn parse(phc: &PasswordHash) -> Result<Self, ImportError> {
        let [log_n, r, p] = decimals(phc, ["ln", "r", "p"])?;
        let (None, Some(salt), Some(output)) = (phc.version, &phc.salt, &phc.hash) else {
            return Err(ImportError::Malformed);
        };
        // Before the crate sees them: it multiplies some of these without looking.
        if r > SCRYPT_MAX_R_AND_P || p > SCRYPT_MAX_R_AND_P {
            return Err(ImportError::TooCostly);
        }
        let log_n = u8::try_from(log_n).ok().filter(|log_n| *log_n < 32).ok_or(ImportError::TooCostly)?;
        let memory = (128_u64 << log_n) * u64::from(r);
        if memory > SCRYPT_MAX_MEMORY || memory * u64::from(p) > SCRYPT_MAX_WORK {
            return Err(ImportError::TooCostly);
        }
        let params = scrypt::Params::new(log_n, r, p).map_err(|_| ImportError::Malformed)?;
        Ok(Self { params, salt: salt.to_vec(), output: output.as_bytes().to_vec() })
    }

    /// log2 N, r, p.
    pub(super) fn parameters(&self) -> (u8, u32, u32) {
        (self.params.log_n(), self.params.r(), self.params.p())
    }

    /// Whether this is the hash of `password`.
    pub(super) fn matches(&self, password: &PlainPassword, arena: &Arena) -> Result<bool, CannotHash> {
        let mut output = vec![0; self.output.len()];
        arena
            .alone(|| scrypt::scrypt(password.as_bytes(), &self.salt, &self.params, &mut output))
            .map_err(|error| CannotHash::Refused(error.to_string()))?;
        Ok(same(&self.output, &output))
    }
}

/// The hash function beneath PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prf {
    Sha256,
    Sha512,
}

/// A PBKDF2 hash, RFC 8018 §5.2.
#[derive(Clone)]
pub(super) struct Pbkdf2Hash {
    pub(super) prf: Prf,
    pub(super) iterations: NonZeroU32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2Hash {
    /// Reads a PHC string with the parameter `i` and perhaps `l`, the length of the output.
    pub(super) fn parse(phc: &PasswordHash, prf: Prf) -> Result<Self, ImportError> {
        let (None, Some(salt), Some(output)) = (phc.version, &phc.salt, &phc.hash) else {
            return Err(ImportError::Malformed);
        };
        let iterations = match decimals(phc, ["i", "l"]) {
            Ok([iterations, length]) if usize::try_from(length) == Ok(output.len()) => iterations,
            Ok(_) => return Err(ImportError::Malformed),
            Err(_) => {
                let [iterations] = decimals(phc, ["i"])?;
                iterations
            }
        };
        Self::checked(prf, iterations, salt.to_vec(), output.as_bytes().to_vec())
    }

    /// Reads what follows `pbkdf2_sha256$` in Django's form: `iterations$salt$hash`, the salt as it stands, the hash in
    /// padded base64.
    pub(super) fn parse_django(text: &str) -> Result<Self, ImportError> {
        let mut fields = text.split('$');
        let (Some(iterations), Some(salt), Some(output), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(ImportError::Malformed);
        };
        let iterations = iterations.parse().map_err(|_| ImportError::Malformed)?;
        let output = STANDARD.decode(output).map_err(|_| ImportError::Malformed)?;
        if salt.is_empty() || output.len() != 32 {
            return Err(ImportError::Malformed);
        }
        Self::checked(Prf::Sha256, iterations, salt.as_bytes().to_vec(), output)
    }

    fn checked(prf: Prf, iterations: u32, salt: Vec<u8>, output: Vec<u8>) -> Result<Self, ImportError> {
        if iterations > PBKDF2_MAX_ITERATIONS {
            return Err(ImportError::TooCostly);
        }
        let iterations = NonZeroU32::new(iterations).ok_or(ImportError::Malformed)?;
        if output.len() < PBKDF2_MIN_OUTPUT {
            return Err(ImportError::Malformed);
        }
        Ok(Self { prf, iterations, salt, output })
    }

    /// Whether this is the hash of `password`.
    pub(super) fn matches(&self, password: &PlainPassword) -> bool {
        let algorithm = match self.prf {
            Prf::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Prf::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        pbkdf2::verify(algorithm, self.iterations, &self.salt, password.as_bytes(), &self.output).is_ok()
    }
}
