//! argon2, RFC 9106: the one algorithm that new hashes use.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::PlainPassword;
use super::arena::{Arena, blocks};
use super::error::{CannotHash, ImportError};
use super::parameters::HashParameters;
use super::phc::{decimals, same};

/// Salt and output of new hashes, in bytes (RFC 9106 §4).
const SALT_BYTES: usize = 16;
pub(super) const OUTPUT_BYTES: usize = 32;

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
        if count <= arena.count() {
            work(arena.memory()?)?;
        } else {
            arena.alone(|| work(&mut blocks(count)?))?;
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

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
