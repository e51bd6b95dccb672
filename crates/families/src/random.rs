//! A generator of random numbers whose sequence depends on its seed alone (`SplitMix64`: Steele, Lea and Flood, 2014).

/// The generator.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The generator of one stream of a seed. Streams of one seed do not overlap in practice.
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed);
        let start = mixed.next();
        Self(start ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from zero up to, not including, `limit` (Lemire, 2019, without the rejection: its bias is below 2^-32).
    pub fn below(&mut self, limit: usize) -> usize {
        let product = u128::from(self.next()) * limit as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from zero up to, not including, one, with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let bits = (self.next() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    /// `count` of the items, in their order (a partial Fisher-Yates shuffle, then sorted).
    pub(crate) fn sample<T: Copy + Ord>(&mut self, items: &[T], count: usize) -> Vec<T> {
        if count >= items.len() {
            return items.to_vec();
        }
        let mut drawn = items.to_vec();
        for place in 0..count {
            let other = place + self.below(drawn.len() - place);
            drawn.swap(place, other);
        }
        drawn.truncate(count);
        drawn.sort_unstable();
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_paper() {
        // The first outputs of SplitMix64 for the seed 1234567, as published with its reference implementation in C.
        let mut random = Random(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn a_sample_holds_each_item_once_and_every_item_has_its_share() {
        let items: Vec<u32> = (0..10).collect();
        let mut times = [0_u32; 10];
        for stream in 0..5_000 {
            let drawn = Random::of(7, stream).sample(&items, 3);
            assert!(drawn.len() == 3 && drawn.is_sorted_by(|one, other| one < other), "{drawn:?}");
            for item in drawn {
                times[item as usize] += 1;
            }
        }
        // 1,500 are expected; the deviation of a binomial count is 32.
        assert!(times.iter().all(|count| (1_350..1_650).contains(count)), "{times:?}");
        assert_eq!(Random::of(7, 0).sample(&items, 10), items);
    }
}
