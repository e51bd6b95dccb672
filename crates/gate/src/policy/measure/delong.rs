//! The standard error of areas under ROC curves, from the contribution of each row.

use slipway_contract::Metric;
use slipway_contract::metrics::Form;
use slipway_contract::metrics::{Areas, Rows};

use super::figure::difference;
use super::units::Units;

/// An area, or the difference of two, and its standard error.
pub(super) struct Area {
    pub(super) estimate: f64,
    pub(super) error: f64,
    /// Degrees of freedom: the number of contributions that the error is estimated from, minus one.
    pub(super) freedom: f64,
}

/// The mean area of one model over some rows, with the contribution of each row.
struct Curve {
    area: f64,
    /// The contribution of each row to the area's error, in the order of the rows.
    influence: Vec<f64>,
    /// The number of rows of the rarest kind under any curve.
    rarest: f64,
}

/// There is no area: a class has no rows, or all rows belong to it.
pub(super) struct NoCurve;

/// The area or difference by `DeLong`, `DeLong` and Clarke-Pearson ("Comparing the areas under two or more correlated receiver
/// operating characteristic curves", Biometrics 44, 1988). A row's structural component is its placement among the rows of the
/// other kind. For an average over classes, the components of a row add up (this is the infinitesimal jackknife). They also add
/// up within a cluster (Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53, 1997).
pub(super) fn measured(
    metric: &Metric,
    candidate: Rows<'_>,
    champion: Option<Rows<'_>>,
    relative: bool,
    of: &[u32],
    clusters: Option<&Units>,
) -> Result<Area, NoCurve> {
    let areas = |rows| match metric.form(rows, of) {
        Ok(Form::RocArea(areas)) => Curve::of(&areas, of),
        _ => Err(NoCurve),
    };
    let ours = areas(candidate)?;
    let rarest = ours.rarest;
    let (estimate, influence) = match champion {
        None => (ours.area, ours.influence),
        Some(champion) => {
            let theirs = areas(champion)?;
            let (scale, of_theirs) = if relative { (theirs.area.abs(), ours.area / theirs.area) } else { (1.0, 1.0) };
            let both = ours.influence.iter().zip(&theirs.influence);
            let influence = both.map(|(our, their)| (our - of_theirs * their) / scale).collect();
            (difference(ours.area, theirs.area, relative), influence)
        }
    };
    let (error, independent) = error_of(&influence, clusters);
    let freedom = (rarest.min(independent) - 1.0).max(1.0);
    Ok(Area { estimate, error, freedom })
}

/// The standard error, and the number of independent contributions to it.
fn error_of(influence: &[f64], clusters: Option<&Units>) -> (f64, f64) {
    let Some(units) = clusters else {
        let rows = influence.iter().map(|_| 1.0).sum();
        return (influence.iter().map(|value| value * value).sum::<f64>().sqrt(), rows);
    };
    let mut sums = vec![0.0; units.count];
    for (value, unit) in influence.iter().zip(&units.of_place) {
        sums[*unit as usize] += value;
    }
    #[expect(clippy::cast_precision_loss, reason = "units are few")]
    let count = units.count as f64;
    let squares: f64 = sums.iter().map(|value| value * value).sum();
    ((squares * count / (count - 1.0)).sqrt(), count)
}

impl Curve {
    fn of(areas: &Areas<'_>, of: &[u32]) -> Result<Self, NoCurve> {
        let mut influence = vec![0.0; of.len()];
        #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
        let rows = of.len() as f64;
        let mut by_class = Vec::with_capacity(areas.classes.len());
        for class in &areas.classes {
            by_class.push(Placements::of(areas, of, *class)?);
        }
        let total: f64 = if areas.by_labels { rows } else { by_class.iter().map(|_| 1.0).sum() };
        let weight = |placements: &Placements| if areas.by_labels { placements.positives } else { 1.0 } / total;
        let area: f64 = by_class.iter().map(|placements| weight(placements) * placements.area).sum();
        for placements in &by_class {
            placements.add_influence(weight(placements), &mut influence);
            if areas.by_labels {
                // The weights are also estimated: the share of a class varies with its rows.
                let share = placements.positives / rows;
                for (value, (_, positive)) in influence.iter_mut().zip(&placements.of_row) {
                    let positive = if *positive { 1.0 } else { 0.0 };
                    *value += (placements.area - area) * (positive - share) / rows;
                }
            }
        }
        let rarest = by_class.iter().map(|placements| placements.positives.min(placements.negatives));
        Ok(Self { area, influence, rarest: rarest.fold(rows, f64::min) })
    }
}

/// For one class and every row: the share of rows of the other kind that it is ranked correctly against.
struct Placements {
    of_row: Vec<(f64, bool)>,
    positives: f64,
    negatives: f64,
    area: f64,
}

impl Placements {
    fn of(areas: &Areas<'_>, of: &[u32], class: usize) -> Result<Self, NoCurve> {
        let mut order: Vec<(f64, usize, bool)> = of
            .iter()
            .enumerate()
            .map(|(place, row)| {
                let row = *row as usize;
                (areas.table.score(row, class), place, areas.table.labels[row] as usize == class)
            })
            .collect();
        let positives: f64 = order.iter().map(|(.., positive)| f64::from(u8::from(*positive))).sum();
        let negatives = order.iter().map(|_| 1.0).sum::<f64>() - positives;
        if positives <= 0.0 || negatives <= 0.0 {
            return Err(NoCurve);
        }
        order.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let mut of_row = vec![(0.0, false); of.len()];
        let (mut positives_below, mut negatives_below, mut pairs) = (0.0, 0.0, 0.0);
        for tied in order.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
            let positive: f64 = tied.iter().map(|(.., positive)| f64::from(u8::from(*positive))).sum();
            let negative = tied.iter().map(|_| 1.0).sum::<f64>() - positive;
            for (_, place, is_positive) in tied {
                let placement = if *is_positive {
                    (negatives_below + negative / 2.0) / negatives
                } else {
                    (positives - positives_below - positive / 2.0) / positives
                };
                of_row[*place] = (placement, *is_positive);
            }
            pairs += positive * (negatives_below + negative / 2.0);
            positives_below += positive;
            negatives_below += negative;
        }
        Ok(Self { of_row, positives, negatives, area: pairs / positives / negatives })
    }

    /// Adds each row's distance from the area, divided by the number of rows of its kind and corrected for that number.
    fn add_influence(&self, weight: f64, influence: &mut [f64]) {
        let factor = |rows: f64| weight / rows * (rows / (rows - 1.0).max(0.5)).sqrt();
        let (positive, negative) = (factor(self.positives), factor(self.negatives));
        for (value, (placement, is_positive)) in influence.iter_mut().zip(&self.of_row) {
            *value += (placement - self.area) * if *is_positive { positive } else { negative };
        }
    }
}
