//! The units that resampling draws: rows, clusters of rows, or blocks of many of either.

use std::collections::HashMap;

use slipway_contract::metrics::Attribute;

use super::random::Random;

/// The most units. A sum over resampled blocks that were formed at random has the mean, variance and skewness of a sum over
/// resampled rows. With 2,048 blocks the error of a standard error is 1.6 %, which is less than the error of 2,000 resamples.
const MAX_UNITS: usize = 2_048;

/// The assignment of rows to units.
#[derive(Debug, Clone)]
pub(super) struct Units {
    /// The unit of the row at each place.
    pub(super) of_place: Vec<u32>,
    /// The number of units.
    pub(super) count: usize,
    /// The number of independent rows or clusters in them.
    pub(super) independent: usize,
}

impl Units {
    /// Assigns rows, or their clusters, to units.
    pub(super) fn deal(rows: &[u32], clusters: Option<&Attribute>, seed: u64) -> Self {
        let (of_place, independent) = match clusters {
            None => ((0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect(), rows.len()),
            Some(clusters) => {
                let mut places = HashMap::new();
                let of_place: Vec<u32> = rows
                    .iter()
                    .map(|row| {
                        let next = u32::try_from(places.len()).unwrap_or(u32::MAX);
                        *places.entry(clusters.of_row[*row as usize]).or_insert(next)
                    })
                    .collect();
                (of_place, places.len())
            }
        };
        if independent <= MAX_UNITS {
            return Self { of_place, count: independent, independent };
        }
        // Assign at random, because a file may be sorted and neighbours would then be alike.
        let mut order: Vec<u32> = (0..u32::try_from(independent).unwrap_or(u32::MAX)).collect();
        Random::new(seed).shuffle(&mut order);
        let size = independent.div_ceil(MAX_UNITS);
        let mut unit_of = vec![0; independent];
        for (unit, block) in (0..).zip(order.chunks(size)) {
            for item in block {
                unit_of[*item as usize] = unit;
            }
        }
        let of_place = of_place.into_iter().map(|item| unit_of[item as usize]).collect();
        Self { of_place, count: independent.div_ceil(size), independent }
    }
}
