//! Areas under curves: how well scores rank the rows of a class above the others.

use super::{Average, Predictions, Unmeasurable};

/// One row under one curve: its score, whether it belongs to the class, and its weight.
pub type Ranked = (f64, bool, f64);

/// The curves that a metric averages over, one for each class.
#[derive(Debug, Clone)]
pub struct Areas<'table> {
    /// The rows.
    pub table: &'table Predictions,
    /// The classes, each against the rest.
    pub classes: Vec<usize>,
    /// Whether each class is weighted by the number of its labels.
    pub by_labels: bool,
}

impl<'table> Areas<'table> {
    pub(super) fn of(table: &'table Predictions, average: &Average) -> Result<Self, Unmeasurable> {
        let classes = match average {
            Average::Class(name) => vec![table.class(name).ok_or_else(|| Unmeasurable::NoClass(name.clone()))?],
            _ => (0..table.classes.len()).collect(),
        };
        Ok(Self { table, classes, by_labels: *average == Average::Weighted })
    }

    /// The mean of an area over the curves; `None` if one of them is undefined.
    pub(super) fn mean(
        &self,
        rows: &(impl Iterator<Item = (usize, f64)> + Clone),
        area: impl Fn(&mut [Ranked]) -> Option<f64>,
    ) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for class in &self.classes {
            let mut items: Vec<Ranked> = rows
                .clone()
                .filter(|(_, weight)| *weight > 0.0)
                .map(|(row, weight)| (self.table.score(row, *class), self.table.labels[row] as usize == *class, weight))
                .collect();
            if items.is_empty() {
                return None;
            }
            let labels: f64 = items.iter().filter(|(_, positive, _)| *positive).map(|(_, _, weight)| weight).sum();
            let share = if self.by_labels { labels } else { 1.0 };
            // A class with weight zero needs no curve.
            if share > 0.0 {
                sum += share * area(&mut items)?;
                total += share;
            }
        }
        (total > 0.0).then(|| sum / total)
    }
}

/// Sorts by falling score. Calls `visit` for each group of equal scores with the weight of its positive rows and of its other
/// rows.
fn by_score(items: &mut [Ranked], mut visit: impl FnMut(f64, f64)) {
    items.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
    for tied in items.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let (mut positive, mut negative) = (0.0, 0.0);
        for (_, is_positive, weight) in tied {
            *if *is_positive { &mut positive } else { &mut negative } += weight;
        }
        visit(positive, negative);
    }
}

/// The area under the ROC curve: the share of pairs of a positive and another row that the scores rank correctly, where ties
/// count half (Mann and Whitney). `None` without a row of either kind.
pub fn roc_area(items: &mut [Ranked]) -> Option<f64> {
    let (mut positives, mut negatives, mut pairs) = (0.0, 0.0, 0.0);
    by_score(items, |positive, negative| {
        pairs += negative * (positives + positive / 2.0);
        positives += positive;
        negatives += negative;
    });
    (positives > 0.0 && negatives > 0.0).then(|| pairs / positives / negatives)
}

/// Average precision: the mean, over the positive rows, of the precision at the rank of each. Zero without positive rows.
pub fn average_precision(items: &mut [Ranked]) -> f64 {
    let (mut positives, mut found, mut sum) = (0.0, 0.0, 0.0);
    by_score(items, |positive, negative| {
        positives += positive;
        found += positive + negative;
        sum += positive * positives / found;
    });
    if positives > 0.0 { sum / positives } else { 0.0 }
}
