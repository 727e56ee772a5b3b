//! Randomness that a failing run can be repeated with: `TOKEND_TEST_SEED=.. tests/run.sh races`.

/// A small generator (`splitmix64`); good enough to shuffle requests.
pub struct Random(u64);

impl Random {
    /// The seed of this run: from the environment, or a fresh one.
    pub fn seed() -> u64 {
        let given = std::env::var("TOKEND_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        given.unwrap_or_else(|| u64::from_le_bytes(tokend::random::bytes()))
    }

    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("it is below a usize")
    }
}
