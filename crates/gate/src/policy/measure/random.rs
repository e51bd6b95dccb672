//! A small random number generator with the same output on every machine, so that a verdict can be recomputed exactly.

/// `SplitMix64` (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A generator that starts from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Sixty-four random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`: the high half of a product (Lemire, "Fast Random Integer Generation in an Interval", 2019),
    /// without its rejection step. The bias is at most `limit` in 2^64.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        let product = u128::from(self.bits()) * u128::from(limit);
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// Shuffles `items` (Fisher and Yates, in the form of Durstenfeld, 1964).
    pub(super) fn shuffle(&mut self, items: &mut [u32]) {
        for (last, limit) in (1..items.len()).zip(2..) {
            items.swap(last, self.below(limit) as usize);
        }
    }
}
