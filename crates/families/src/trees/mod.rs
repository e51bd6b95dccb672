//! Gradient boosted trees: histogram based, grown leaf by leaf, and the same for any number of threads.
//!
//! Sources: Chen and Guestrin, "`XGBoost`: A Scalable Tree Boosting System" (2016), for the gain, the leaf values and the direction of
//! missing values; Ke et al., "`LightGBM`: A Highly Efficient Gradient Boosting Decision Tree" (2017), for histograms and growth by
//! leaf; Friedman, "Greedy Function Approximation" (2001), for the losses.

mod bins;
mod boost;
mod forest;
mod grow;
mod histogram;
mod loss;
mod split;

#[cfg(test)]
mod tests;

pub use bins::{Column, Kind};
pub use boost::{Booster, Options, Rows};
pub use forest::{Forest, Node, NotAForest, Parts, Test, Tree};
pub use loss::Loss;
