//! What is compared.

/// Two requests that must take equally long.
pub struct Pair {
    /// What is compared.
    pub name: &'static str,
    /// What both are answered.
    pub status: u16,
    /// Whether a password is hashed for each.
    pub hashes: bool,
    /// The requests.
    pub requests: [Vec<u8>; 2],
}
