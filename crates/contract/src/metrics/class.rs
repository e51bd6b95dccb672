//! Metrics of predicted classes. They need three counts for each class (labels, predictions, both), not the whole confusion
//! matrix.

use serde::{Deserialize, Serialize};

use super::{Average, Metric, Predictions, Sums, Unmeasurable};

/// A pair of confused classes: the class of a row, and the class that is predicted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// The class of the rows.
    pub actual: String,
    /// The class that is predicted.
    pub predicted: String,
    /// The rows that the share is taken of.
    pub of: ConfusionOf,
}

/// The rows that the share of confused rows is taken of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfusionOf {
    /// The rows of the class.
    #[default]
    Actual,
    /// All rows.
    All,
}

/// How often a class is the label, the prediction, and both.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tally {
    labelled: f64,
    predicted: f64,
    right: f64,
}

impl Tally {
    fn precision(self) -> f64 {
        share(self.right, self.predicted)
    }

    fn recall(self) -> f64 {
        share(self.right, self.labelled)
    }

    /// `(1+β²) tp / ((1+β²) tp + fp + β² fn)`. Its denominator is predictions plus β² labels.
    fn f_beta(self, beta: f64) -> f64 {
        let square = beta * beta;
        share((1.0 + square) * self.right, square * self.labelled + self.predicted)
    }

    fn occurs(self) -> bool {
        self.labelled > 0.0 || self.predicted > 0.0
    }
}

/// A share that is zero if its denominator is zero (`zero_division=0`).
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The sums of a metric of predicted classes.
pub(super) fn sums<'table>(metric: &Metric, table: &'table Predictions) -> Result<Sums<'table>, Unmeasurable> {
    Ok(match metric {
        Metric::Precision(average) => averaged(table, average, Tally::precision)?,
        Metric::Recall(average) => averaged(table, average, Tally::recall)?,
        Metric::F1(average) => averaged(table, average, |tally| tally.f_beta(1.0))?,
        Metric::FBeta { beta, average } => {
            let beta = beta.0;
            averaged(table, average, move |tally| tally.f_beta(beta))?
        }
        Metric::BalancedAccuracy => of_all(table, |tallies| {
            mean(tallies.filter(|tally| tally.labelled > 0.0).map(|tally| (tally.recall(), 1.0)))
        }),
        Metric::MatthewsCorrelation => of_all(table, |tallies| matthews_correlation(Agreement::of(tallies))),
        Metric::Confusion(pair) => confusion(table, pair)?,
        Metric::CohenKappa => of_all(table, |tallies| cohen_kappa(Agreement::of(tallies))),
        // Accuracy, and every metric without another form: the share of right rows.
        _ => right(table),
    })
}

fn right(table: &Predictions) -> Sums<'_> {
    Sums::mean(|row| f64::from(u8::from(table.is_right(row))), |share| share)
}

fn averaged<'table>(
    table: &'table Predictions,
    average: &Average,
    figure: impl Fn(Tally) -> f64 + Send + Sync + 'table,
) -> Result<Sums<'table>, Unmeasurable> {
    Ok(match average {
        Average::Class(name) => {
            let class = table.class(name).ok_or_else(|| Unmeasurable::NoClass(name.clone()))?;
            of_one(table, class, figure)
        }
        // Over all rows together, precision, recall and F are equal: the share of right rows.
        Average::Micro => right(table),
        Average::Macro => {
            of_all(table, move |tallies| mean(tallies.filter(|tally| tally.occurs()).map(|tally| (figure(tally), 1.0))))
        }
        Average::Weighted => of_all(table, move |tallies| mean(tallies.map(|tally| (figure(tally), tally.labelled)))),
    })
}

/// Three sums: confused rows, rows of the class, and all rows. Undefined without rows of the class, because nothing is then known
/// about its confusion.
fn confusion<'table>(table: &'table Predictions, pair: &Pair) -> Result<Sums<'table>, Unmeasurable> {
    let class = |name: &str| table.class(name).ok_or_else(|| Unmeasurable::NoClass(name.to_owned()));
    let (actual, predicted, of) = (class(&pair.actual)?, class(&pair.predicted)?, pair.of);
    let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
        let is_actual = table.labels[row] as usize == actual;
        if is_actual && table.predictions[row] as usize == predicted {
            add(0, 1.0);
        }
        if is_actual {
            add(1, 1.0);
        }
        add(2, 1.0);
    };
    let whole = if of == ConfusionOf::All { 2 } else { 1 };
    Ok(Sums::new(3, terms, move |sums| (sums[1] > 0.0).then(|| sums[0] / sums[whole])))
}

/// Four sums: rows of the class, rows predicted as it, rows that are both, and all rows. The last distinguishes no rows at all
/// from no row of the class.
fn of_one<'table>(
    table: &'table Predictions,
    class: usize,
    figure: impl Fn(Tally) -> f64 + Send + Sync + 'table,
) -> Sums<'table> {
    let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
        let (labelled, predicted) = (table.labels[row] as usize == class, table.predictions[row] as usize == class);
        if labelled {
            add(0, 1.0);
        }
        if predicted {
            add(1, 1.0);
        }
        if labelled && predicted {
            add(2, 1.0);
        }
        add(3, 1.0);
    };
    Sums::new(4, terms, move |sums| {
        let tally = Tally { labelled: sums[0], predicted: sums[1], right: sums[2] };
        (sums[3] > 0.0).then(|| figure(tally))
    })
}

/// Three sums for each class.
fn of_all<'table>(
    table: &'table Predictions,
    finish: impl Fn(&mut dyn Iterator<Item = Tally>) -> Option<f64> + Send + Sync + 'table,
) -> Sums<'table> {
    let classes = table.classes.len();
    let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
        let (label, prediction) = (table.labels[row] as usize, table.predictions[row] as usize);
        add(label, 1.0);
        add(classes + prediction, 1.0);
        if label == prediction {
            add(2 * classes + label, 1.0);
        }
    };
    Sums::new(3 * classes, terms, move |sums| {
        let mut tallies = (0..classes).map(|class| Tally {
            labelled: sums[class],
            predicted: sums[classes + class],
            right: sums[2 * classes + class],
        });
        finish(&mut tallies)
    })
}

fn mean(values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (sum, total) = values.fold((0.0, 0.0), |(sum, total), (value, weight)| (sum + value * weight, total + weight));
    (total > 0.0).then(|| sum / total)
}

/// The agreement of labels and predictions.
#[derive(Debug, Clone, Copy)]
struct Agreement {
    rows: f64,
    right: f64,
    /// Σ labels times predictions of each class.
    chance: f64,
    /// Σ labels² and Σ predictions².
    squares: [f64; 2],
}

impl Agreement {
    fn of(tallies: &mut dyn Iterator<Item = Tally>) -> Self {
        let none = Self { rows: 0.0, right: 0.0, chance: 0.0, squares: [0.0; 2] };
        tallies.fold(none, |sum, tally| Self {
            rows: sum.rows + tally.labelled,
            right: sum.right + tally.right,
            chance: sum.chance + tally.labelled * tally.predicted,
            squares: [sum.squares[0] + tally.labelled.powi(2), sum.squares[1] + tally.predicted.powi(2)],
        })
    }
}

/// Gorodkin's correlation for several classes ("Comparing two K-category assignments by a K-category correlation coefficient",
/// 2004): `(cs − Σtp) / √((s²−Σp²)(s²−Σt²))`.
fn matthews_correlation(agreement: Agreement) -> Option<f64> {
    let Agreement { rows, right, chance, squares } = agreement;
    if rows <= 0.0 {
        return None;
    }
    let [labels, predictions] = squares.map(|square| rows * rows - square);
    // Rounding of weighted sums may leave a tiny variance where there is none.
    let tiny = 1e-12 * rows * rows;
    if labels <= tiny || predictions <= tiny {
        return Some(0.0);
    }
    Some((right * rows - chance) / (labels * predictions).sqrt())
}

/// `1 − (1−agreement)/(1−chance)`. Undefined if the chance agreement is one.
fn cohen_kappa(agreement: Agreement) -> Option<f64> {
    let Agreement { rows, right, chance, .. } = agreement;
    let disagreement = rows * rows - chance;
    (rows > 0.0 && disagreement > 1e-12 * rows * rows).then(|| 1.0 - (rows - right) * rows / disagreement)
}
