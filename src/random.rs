//! Where randomness comes from: the operating system, through the one cryptographic library in use.

use uuid::{Builder, Uuid};

/// `N` bytes from the cryptographic random generator.
///
/// # Panics
/// When the operating system gives none.
#[expect(clippy::expect_used, reason = "a machine without randomness can't run a token service, and can't be asked to")]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random UUID, version 4 (RFC 9562 §5.4).
pub fn uuid() -> Uuid {
    Builder::from_random_bytes(bytes()).into_uuid()
}
