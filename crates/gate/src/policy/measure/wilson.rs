//! Wilson's score interval: the bounds of a share, given the number of successes.

/// The lower and the upper bound of a share with `right` successes in `rows` rows, at `z` standard normal deviations to each side
/// (Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927):
///
/// (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)
pub(super) fn bounds(right: f64, rows: f64, z: f64) -> (f64, f64) {
    let share = right / rows;
    let square = z * z / rows;
    let centre = share + square / 2.0;
    let reach = z * (share * (1.0 - share) / rows + square / (4.0 * rows)).sqrt();
    let bound = |value: f64| (value / (1.0 + square)).clamp(0.0, 1.0);
    // At the ends one bound equals the share. Rounding must not move it past the share.
    (bound(centre - reach).min(share), bound(centre + reach).max(share))
}
