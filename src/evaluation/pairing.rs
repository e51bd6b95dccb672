//! Lines up a candidate's and a champion's rows, so that the two are compared on the same ones.

use std::borrow::Cow;
use std::collections::HashMap;

use slipway_contract::metrics::Predictions;

use super::Evaluation;
use super::error::shown;

/// Why two evaluations cannot be compared row by row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "candidate and champion were not evaluated alike: {difference}; evaluate the champion again on the candidate's data"
)]
pub struct NotPaired {
    difference: String,
}

/// The champion's predictions in the order of the candidate's rows.
///
/// Refused unless both were evaluated on the same data by the same evaluator: the same rows by name, one to one, with the same
/// labels and the same classes.
pub fn paired<'champion>(
    candidate: &Evaluation,
    champion: &'champion Evaluation,
) -> Result<Cow<'champion, Predictions>, NotPaired> {
    match difference_of_reports(candidate, champion) {
        None => in_order_of(&candidate.predictions, &champion.predictions),
        Some(difference) => Err(difference),
    }
    .map_err(|difference| NotPaired { difference })
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
    let (ours, theirs) = (&candidate.predictions, &champion.predictions);
    if ours.classes != theirs.classes {
        return Some("their classes or the order of them differ".to_owned());
    }
    (ours.len() != theirs.len())
        .then(|| format!("the champion has {} rows, expected the candidate's {}", theirs.len(), ours.len()))
}

fn in_order_of<'champion>(
    candidate: &Predictions,
    champion: &'champion Predictions,
) -> Result<Cow<'champion, Predictions>, String> {
    let ordered = if candidate.rows == champion.rows {
        Cow::Borrowed(champion)
    } else {
        Cow::Owned(reordered(candidate, champion)?)
    };
    let differs = (0..candidate.len()).find(|&row| candidate.labels[row] != ordered.labels[row]);
    match differs {
        None => Ok(ordered),
        Some(row) => Err(format!(
            "row {} is labelled {} for the champion, expected the candidate's {}",
            shown(&candidate.rows[row]),
            shown(&ordered.classes[ordered.labels[row] as usize]),
            shown(&candidate.classes[candidate.labels[row] as usize]),
        )),
    }
}

/// Both have the same number of rows, and no name occurs twice: so finding each name once is one to one.
fn reordered(candidate: &Predictions, champion: &Predictions) -> Result<Predictions, String> {
    let places: HashMap<&str, usize> = champion.rows.iter().map(String::as_str).zip(0..).collect();
    let order: Vec<usize> = candidate
        .rows
        .iter()
        .map(|name| match places.get(name.as_str()) {
            Some(place) => Ok(*place),
            None => Err(format!("row {} of the candidate is missing from the champion", shown(name))),
        })
        .collect::<Result<_, _>>()?;
    let width = champion.classes.len();
    let scores_at = |scores: &Vec<f32>| {
        order.iter().flat_map(|&row| scores[row * width..(row + 1) * width].iter().copied()).collect()
    };
    Ok(Predictions {
        rows: candidate.rows.clone(),
        classes: champion.classes.clone(),
        labels: order.iter().map(|&row| champion.labels[row]).collect(),
        predictions: order.iter().map(|&row| champion.predictions[row]).collect(),
        scores: champion.scores.as_ref().map(scores_at),
    })
}
