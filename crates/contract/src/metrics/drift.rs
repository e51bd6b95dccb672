//! Distances between two samples of a column. All except Wasserstein's distance are independent of units.

/// The share that is assumed for an empty bin, because the index would be infinite at zero.
const EMPTY_SHARE: f64 = 1e-4;

/// The population stability index, Σ (a−e) ln(a/e) over the bins' shares. An empty bin counts as a share of 0.0001. By convention
/// samples are similar below 0.1 and different above 0.25 (Siddiqi, "Credit Risk Scorecards", 2006). `None` if either sample is
/// empty.
pub fn population_stability_index(expected: &[f64], actual: &[f64]) -> Option<f64> {
    let (expected, actual) = (shares(expected)?, shares(actual)?);
    let term = |(expected, actual): (&f64, &f64)| {
        let (expected, actual) = (expected.max(EMPTY_SHARE), actual.max(EMPTY_SHARE));
        (actual - expected) * (actual / expected).ln()
    };
    Some(expected.iter().zip(&actual).map(term).sum())
}

/// The Jensen–Shannon distance of two lists of counts: the square root of the divergence in nats
/// (`scipy.spatial.distance.jensenshannon`). From 0 to √ln 2.
pub fn jensen_shannon(one: &[f64], other: &[f64]) -> Option<f64> {
    let (one, other) = (shares(one)?, shares(other)?);
    let divergence = |from: f64, middle: f64| if from > 0.0 { from * (from / middle).ln() } else { 0.0 };
    let sum: f64 = one
        .iter()
        .zip(&other)
        .map(|(one, other)| {
            let middle = f64::midpoint(*one, *other);
            divergence(*one, middle) + divergence(*other, middle)
        })
        .sum();
    Some((sum / 2.0).max(0.0).sqrt())
}

/// Pearson's χ² of a table of two samples by categories, without continuity correction (`scipy.stats.chi2_contingency(…,
/// correction=False)`). Categories that are empty in both samples are left out.
pub fn chi_squared(one: &[f64], other: &[f64]) -> Option<f64> {
    let (first, second): (f64, f64) = (one.iter().sum(), other.iter().sum());
    let total = first + second;
    if first <= 0.0 || second <= 0.0 {
        return None;
    }
    let cell = |count: f64, expected: f64| (count - expected).powi(2) / expected;
    let terms = one.iter().zip(other).filter(|(one, other)| *one + *other > 0.0).map(|(one, other)| {
        let both = one + other;
        cell(*one, both * first / total) + cell(*other, both * second / total)
    });
    Some(terms.sum())
}

/// Cramér's V of the same table: χ² divided by the number of rows, √(χ²/n) for two samples. From 0 to 1
/// (`scipy.stats.contingency.association`).
pub fn cramers_v(one: &[f64], other: &[f64]) -> Option<f64> {
    let total: f64 = one.iter().chain(other).sum();
    Some((chi_squared(one, other)? / total).sqrt())
}

/// The Kolmogorov–Smirnov statistic: the largest distance between the two distribution functions
/// (`scipy.stats.ks_2samp(…).statistic`).
pub fn kolmogorov_smirnov(one: &[f64], other: &[f64]) -> Option<f64> {
    let mut largest = 0.0_f64;
    walk(one, other, |_, one, other| largest = largest.max((one - other).abs()))?;
    Some(largest)
}

/// Wasserstein's first distance: the area between the two distribution functions, in the column's unit
/// (`scipy.stats.wasserstein_distance`).
pub fn wasserstein(one: &[f64], other: &[f64]) -> Option<f64> {
    let mut area = 0.0;
    walk(one, other, |width, one, other| area += width * (one - other).abs())?;
    Some(area)
}

/// Calls `visit` for each distinct value with the distance to the next one and the share of each sample up to it.
fn walk(one: &[f64], other: &[f64], mut visit: impl FnMut(f64, f64, f64)) -> Option<()> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let mut all: Vec<(f64, bool)> =
        one.iter().map(|value| (*value, true)).chain(other.iter().map(|value| (*value, false))).collect();
    all.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (first, second) = (count(one), count(other));
    let (mut of_one, mut of_other) = (0.0, 0.0);
    for (place, (value, is_first)) in all.iter().enumerate() {
        *if *is_first { &mut of_one } else { &mut of_other } += 1.0;
        let width = all.get(place + 1).map_or(0.0, |(next, _)| next - value);
        if width > 0.0 || place + 1 == all.len() {
            visit(width, of_one / first, of_other / second);
        }
    }
    Some(())
}

/// Counts of values in bins between the deciles of the first sample, as for a stability index. Bins include their upper end, and
/// the outer bins are open. Equal deciles form one bin.
pub fn decile_counts(expected: &[f64], actual: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    if expected.is_empty() || actual.is_empty() {
        return None;
    }
    let edges = decile_edges(expected);
    let counts = |values: &[f64]| {
        let mut counts = vec![0.0; edges.len() + 1];
        for value in values {
            counts[edges.partition_point(|edge| edge < value)] += 1.0;
        }
        counts
    };
    Some((counts(expected), counts(actual)))
}

/// The distinct deciles of a sample. Empty for an empty sample.
pub fn decile_edges(sample: &[f64]) -> Vec<f64> {
    let mut sorted = sample.to_vec();
    if sorted.is_empty() {
        return sorted;
    }
    sorted.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..10).map(|decile| at_share(&sorted, f64::from(decile) / 10.0)).collect();
    edges.dedup_by(|later, earlier| later.total_cmp(earlier).is_eq());
    edges
}

/// The value at a share of sorted values, interpolated linearly between two of them (`numpy.quantile`).
fn at_share(sorted: &[f64], share: f64) -> f64 {
    let place = share * (count(sorted) - 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place lies within the list")]
    let (before, after) = (place.floor() as usize, place.ceil() as usize);
    sorted[before] + (sorted[after] - sorted[before]) * place.fract()
}

fn shares(counts: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = counts.iter().sum();
    (total > 0.0).then(|| counts.iter().map(|count| count / total).collect())
}

#[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
fn count(values: &[f64]) -> f64 {
    values.len() as f64
}
