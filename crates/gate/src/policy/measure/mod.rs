//! Measures a metric on some rows, or its difference from the champion's, with its uncertainty.

mod bootstrap;
mod delong;
mod figure;
mod least;
mod mcnemar;
mod newcombe;
mod normal;
mod paired;
mod question;
mod random;
mod ranked;
mod spread;
mod trial;
mod units;
mod unseen;
mod wilson;

pub(super) use bootstrap::{MIN_UNITS, of_samples};
pub(super) use figure::Counted;
pub(super) use least::{
    fewest, fewest_wins, is_at_least, is_share, no_difference, normal_below, normal_quantile, reach_of_resampling,
    share,
};
pub(super) use newcombe::Pairs;
pub(super) use question::{NoInterval, Question};
pub(super) use spread::{Measurement, Spread};

#[cfg(test)]
mod tests;
