//! A small random number generator, the same on every machine: a verdict has to come out the same when it is computed again.

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
    /// without its rejection step; the bias is at most `limit` in 2^64.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        let product = u128::from(self.bits()) * u128::from(limit);
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// Puts `items` into random order (Fisher and Yates, as Durstenfeld wrote it down in 1964).
    pub(super) fn shuffle(&mut self, items: &mut [u32]) {
        for (last, limit) in (1..items.len()).zip(2..) {
            items.swap(last, self.below(limit) as usize);
        }
    }
}
