//! Any text as a stored password hash: what is taken for one is affordable, and can be verified.
#![expect(clippy::missing_panics_doc, reason = "a panic is how a target says what it found")]

use std::sync::{Arc, Mutex};

use super::PlainPassword;
use super::arena::Arena;
use super::parameters::HashParameters;
use super::stored::{Cost, StoredHash};

/// The bytes as a stored hash.
pub fn phc(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(hash) = StoredHash::import(text) else { return };
    assert!(hash.as_str() == text && text.len() <= StoredHash::MAX_BYTES);
    assert!(StoredHash::import(hash.as_str()).is_ok_and(|again| again.cost() == hash.cost()));
    let (affordable, cheap) = match hash.cost() {
        Cost::Argon2(HashParameters { memory_kib, iterations, .. }) => {
            let work = u64::from(memory_kib) * u64::from(iterations);
            (memory_kib <= 256 * 1024 && work <= 1024 * 1024, work <= 256)
        }
        Cost::Bcrypt(cost) => (cost <= 14, cost <= 4),
        Cost::Scrypt((log_n, r, p)) => {
            let work = (u128::from(r) * u128::from(p) * 128) << log_n;
            (work <= 512 << 20, work <= 1 << 18)
        }
        Cost::Pbkdf2(_, iterations) => (iterations <= 2_000_000, iterations <= 100),
    };
    assert!(affordable, "a sign-in can't afford {text}");
    if cheap {
        verify(&hash);
    }
}

fn verify(hash: &StoredHash) {
    let parameters = HashParameters { memory_kib: 8, iterations: 1, parallelism: 1 };
    let Ok(mut arena) = Arena::new(parameters, Arc::new(Mutex::new(()))) else { return };
    for password in ["", "correct horse battery staple"] {
        let Ok(password) = PlainPassword::presented(password) else { return };
        let first = hash.matches(&password, &mut arena);
        let again = hash.matches(&password, &mut arena);
        assert!(matches!((&first, &again), (Ok(one), Ok(other)) if one == other), "{first:?}, then {again:?}");
    }
}
