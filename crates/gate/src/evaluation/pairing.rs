//! Matches the rows of a candidate and a champion, so that both are compared on the same rows.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use slipway_contract::metrics::{Attribute, Attributes, Estimates, Predictions, RowScores, Table, all};
use slipway_contract::{Metric, counted};

use super::Evaluation;
use super::error::{listed, shown};

/// Why two evaluations cannot be compared row by row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPaired {
    /// Their rows, labels or evaluators differ.
    #[error(
        "candidate and champion were not evaluated in the same way: {difference}; evaluate the champion again on the candidate's data"
    )]
    Rows {
        /// The difference.
        difference: String,
    },
    /// Their classes differ. A model cannot be judged on a class that it was not trained on.
    #[error(
        "{difference}; train the candidate on the champion's classes and no others: models can only be compared on the same classes"
    )]
    Classes {
        /// The difference.
        difference: String,
    },
}

/// A champion's values for the candidate's rows, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired<'champion> {
    /// Labels and predictions.
    pub table: Cow<'champion, Table>,
    /// The champion's own scores.
    pub row_scores: Cow<'champion, RowScores>,
    /// The attributes of the rows in the champion's evaluation.
    pub attributes: Cow<'champion, Attributes>,
}

/// The champion's rows in the order of the candidate's.
///
/// Fails unless both were evaluated on the same data by the same evaluator: the same rows by name, one to one, with the same
/// labels and the same classes.
pub fn paired<'champion>(
    candidate: &Evaluation,
    champion: &'champion Evaluation,
) -> Result<Paired<'champion>, NotPaired> {
    if let Some(difference) = difference_of_classes(&candidate.report.classes, &champion.report.classes) {
        return Err(NotPaired::Classes { difference });
    }
    match difference_of_reports(candidate, champion) {
        None => in_order_of(&candidate.table, champion),
        Some(difference) => Err(difference),
    }
    .map_err(|difference| NotPaired::Rows { difference })
}

/// Describes the classes that only one of two models has.
fn difference_of_classes(candidate: &[String], champion: &[String]) -> Option<String> {
    let without = |these: &[String], those: &[String]| -> Vec<String> {
        let those: HashSet<&String> = those.iter().collect();
        these.iter().filter(|class| !those.contains(class)).cloned().collect()
    };
    let (new, gone) = (without(candidate, champion), without(champion, candidate));
    let said = |classes: &[String], verb: &str| {
        let word = if classes.len() == 1 { "class" } else { "classes" };
        (!classes.is_empty()).then(|| format!("{verb} the {word} {}", listed(classes, "and")))
    };
    let parts = [said(&new, "does not have"), said(&gone, "alone has")].into_iter().flatten().collect::<Vec<_>>();
    (!parts.is_empty()).then(|| format!("the champion {}", parts.join(", and ")))
}

fn difference_of_reports(candidate: &Evaluation, champion: &Evaluation) -> Option<String> {
    let (ours, theirs) = (&candidate.report, &champion.report);
    if ours.data != theirs.data {
        let (ours, theirs) = (ours.data.short(), theirs.data.short());
        return Some(format!("the champion's data is {theirs}, expected the candidate's {ours}"));
    }
    if ours.evaluator != theirs.evaluator {
        let (ours, theirs) = (shown(&ours.evaluator), shown(&theirs.evaluator));
        return Some(format!("the champion's evaluator is {theirs}, expected the candidate's {ours}"));
    }
    if ours.classes != theirs.classes {
        return Some("their reports name the same classes in another order".to_owned());
    }
    let (ours, theirs) = (candidate.table.len(), champion.table.len());
    (ours != theirs).then(|| format!("the champion has {}, expected the candidate's {ours}", counted(theirs, "row")))
}

impl<'champion> Paired<'champion> {
    /// All rows, in their own order.
    pub(super) fn whole(champion: &'champion Evaluation) -> Self {
        let Evaluation { table, row_scores, attributes, report: _ } = champion;
        Self {
            table: Cow::Borrowed(table),
            row_scores: Cow::Borrowed(row_scores),
            attributes: Cow::Borrowed(attributes),
        }
    }
}

fn in_order_of<'champion>(candidate: &Table, champion: &'champion Evaluation) -> Result<Paired<'champion>, String> {
    let Evaluation { table, row_scores, attributes, report: _ } = champion;
    let ordered = if candidate.rows() == table.rows() {
        Paired::whole(champion)
    } else {
        let order = order_of(candidate.rows(), table.rows())?;
        let scores = row_scores.iter().map(|(name, scores)| (name.clone(), picked(scores, &order)));
        let attribute = |attribute: &Attribute| Attribute {
            values: attribute.values.clone(),
            of_row: picked(&attribute.of_row, &order),
        };
        let attributes = attributes.iter().map(|(name, values)| (name.clone(), attribute(values)));
        Paired {
            table: Cow::Owned(in_order(table, &order)),
            row_scores: Cow::Owned(scores.collect()),
            attributes: Cow::Owned(attributes.collect()),
        }
    };
    let differs = (0..candidate.len()).find(|&row| label(candidate, row) != label(&ordered.table, row));
    match differs {
        None => Ok(ordered),
        Some(row) => Err(format!(
            "row {} is labelled {} for the champion, expected the candidate's {}",
            shown(&candidate.rows()[row]),
            shown(&label(&ordered.table, row)),
            shown(&label(candidate, row)),
        )),
    }
}

fn label(table: &Table, row: usize) -> Cow<'_, str> {
    match table {
        Table::Classes(table) => Cow::Borrowed(&table.classes[table.labels[row] as usize]),
        Table::Numbers(table) => Cow::Owned(table.labels[row].to_string()),
        Table::Unlabelled(_) => Cow::Borrowed("nothing"),
    }
}

/// The champion's index of each of the candidate's rows. Both have the same number of rows, and no name occurs twice. If each
/// name is found, the match is therefore one to one.
fn order_of(candidate: &[String], champion: &[String]) -> Result<Vec<usize>, String> {
    let places: HashMap<&str, usize> = champion.iter().map(String::as_str).zip(0..).collect();
    candidate
        .iter()
        .map(|name| match places.get(name.as_str()) {
            Some(place) => Ok(*place),
            None => Err(format!("row {} of the candidate is missing from the champion", shown(name))),
        })
        .collect()
}

/// The evaluation of some rows, by their indexes in the order of `paired`.
pub(super) fn only(evaluation: &Evaluation, paired: &Paired<'_>, rows: &[u32]) -> Evaluation {
    let order: Vec<usize> = rows.iter().map(|row| *row as usize).filter(|row| *row < paired.table.len()).collect();
    let attributes = paired.attributes.iter().map(|(name, attribute)| {
        let Attribute { values, of_row } = attribute;
        (name.clone(), Attribute { values: values.clone(), of_row: picked(of_row, &order) })
    });
    let scores = paired.row_scores.iter().map(|(name, scores)| (name.clone(), picked(scores, &order)));
    let mut some = Evaluation {
        report: evaluation.report.clone(),
        table: in_order(&paired.table, &order),
        attributes: attributes.collect(),
        row_scores: scores.collect(),
    };
    let every = all(some.table.len());
    let of_these = |metric: &Metric| metric.over(some.rows(), &every).ok().flatten().filter(|value| value.is_finite());
    let metrics = evaluation.report.metrics.keys().filter_map(|metric| Some((metric.clone(), of_these(metric)?)));
    let metrics = metrics.collect();
    (some.report.metrics, some.report.rows) = (metrics, order.len() as u64);
    some
}

fn picked<T: Clone>(values: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|&row| values[row].clone()).collect()
}

fn in_order(table: &Table, order: &[usize]) -> Table {
    match table {
        Table::Classes(table) => {
            let width = table.classes.len();
            let scores_at = |scores: &Vec<f32>| {
                order.iter().flat_map(|&row| scores[row * width..(row + 1) * width].iter().copied()).collect()
            };
            Table::Classes(Predictions {
                rows: picked(&table.rows, order),
                classes: table.classes.clone(),
                labels: picked(&table.labels, order),
                predictions: picked(&table.predictions, order),
                scores: table.scores.as_ref().map(scores_at),
            })
        }
        Table::Numbers(table) => {
            let quantiles =
                table.quantiles.iter().map(|(name, values)| (name.clone(), picked(values, order))).collect();
            Table::Numbers(Estimates {
                rows: picked(&table.rows, order),
                labels: picked(&table.labels, order),
                predictions: picked(&table.predictions, order),
                quantiles,
            })
        }
        Table::Unlabelled(rows) => Table::Unlabelled(picked(rows, order)),
    }
}
