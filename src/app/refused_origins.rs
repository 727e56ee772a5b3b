//! The origins whose pages were refused. The log names each once. Bounded: anybody can send an `Origin`.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// How many origins are told of. Those beyond aren't.
const MOST: usize = 64;

/// As much of an origin as is told, in characters.
const LONGEST: usize = 256;

/// The origins that the operator was told of.
#[derive(Debug, Default)]
pub struct RefusedOrigins(Mutex<HashSet<String>>);

impl RefusedOrigins {
    /// Takes note of a refusal. The origin to tell the operator, if this is its first.
    pub fn note(&self, origin: &[u8]) -> Option<String> {
        let origin: String = String::from_utf8_lossy(origin).chars().take(LONGEST).collect();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told.len() < MOST && !told.contains(&origin);
        is_new.then(|| {
            told.insert(origin.clone());
            origin
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_origin_is_told_once_and_of_64_at_most() {
        let refused = RefusedOrigins::default();
        for n in 0..64 {
            let origin = format!("https://{n}.example");
            assert_eq!(refused.note(origin.as_bytes()), Some(origin.clone()));
            assert_eq!(refused.note(origin.as_bytes()), None);
        }
        assert_eq!(refused.note(b"https://64.example"), None);
    }

    #[test]
    fn as_much_of_an_origin_is_told_as_fits_a_line() {
        let refused = RefusedOrigins::default();
        let told = |length| refused.note("a".repeat(length).as_bytes());
        assert_eq!(told(256).map(|origin| origin.len()), Some(256));
        assert_eq!(told(257), None, "they are one");
        assert_eq!(refused.note(b"\xff").as_deref(), Some("\u{fffd}"));
    }
}
