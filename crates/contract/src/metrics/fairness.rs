//! Metrics of fairness: how differently a classifier treats groups of rows.

use super::{Attribute, Metric, Predictions, Sums};

/// The sums of each group: rows, rows predicted as the class, rows of the class, and rows that are both.
const SUMS: usize = 4;

/// The counts of a group.
struct Group {
    rows: f64,
    selected: f64,
    positive: f64,
    right: f64,
}

impl Group {
    fn of(sums: &[f64]) -> Self {
        Self { rows: sums[0], selected: sums[1], positive: sums[2], right: sums[3] }
    }

    fn selection_rate(&self) -> Option<f64> {
        rate(self.selected, self.rows)
    }

    fn true_positive_rate(&self) -> Option<f64> {
        rate(self.right, self.positive)
    }

    fn false_positive_rate(&self) -> Option<f64> {
        rate(self.selected - self.right, self.rows - self.positive)
    }
}

fn rate(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// The sums of a metric of fairness. It is undefined if a group has no rows for the denominator of its rate, because nothing is
/// then known about the treatment of that group.
pub(super) fn sums<'table>(
    metric: &Metric,
    table: &'table Predictions,
    class: usize,
    groups: &'table Attribute,
) -> Sums<'table> {
    let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
        let start = SUMS * groups.of_row[row] as usize;
        let (selected, positive) = (table.predictions[row] as usize == class, table.labels[row] as usize == class);
        add(start, 1.0);
        if selected {
            add(start + 1, 1.0);
        }
        if positive {
            add(start + 2, 1.0);
        }
        if selected && positive {
            add(start + 3, 1.0);
        }
    };
    let finish: fn(&[Group]) -> Option<f64> = match metric {
        Metric::SelectionRateRatio(_) => |groups| {
            let (least, most) = extremes(groups, Group::selection_rate)?;
            rate(least, most)
        },
        Metric::EqualOpportunityDifference(_) => |groups| difference(groups, Group::true_positive_rate),
        _ => |groups| {
            let right = difference(groups, Group::true_positive_rate)?;
            Some(right.max(difference(groups, Group::false_positive_rate)?))
        },
    };
    Sums::new(SUMS * groups.values.len(), terms, move |sums| {
        let groups: Vec<Group> = sums.chunks_exact(SUMS).map(Group::of).filter(|group| group.rows > 0.0).collect();
        finish(&groups)
    })
}

fn difference(groups: &[Group], rate: fn(&Group) -> Option<f64>) -> Option<f64> {
    let (least, most) = extremes(groups, rate)?;
    Some(most - least)
}

/// The lowest and the highest rate of all groups; `None` if the rate of one is undefined.
fn extremes(groups: &[Group], rate: fn(&Group) -> Option<f64>) -> Option<(f64, f64)> {
    let rates = groups.iter().map(rate).collect::<Option<Vec<f64>>>()?;
    let least = rates.iter().copied().reduce(f64::min)?;
    let most = rates.iter().copied().reduce(f64::max)?;
    Some((least, most))
}
