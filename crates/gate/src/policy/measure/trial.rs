//! Metrics that are a share of trials: which rows are trials, and which of them are successes.

use slipway_contract::Metric;
use slipway_contract::metrics::{Average, ConfusionOf, Form, Pair, Predictions, Rows};

use super::newcombe::Pairs;
use super::spread::Spread;

/// The result of a row: no trial, or a trial that succeeds or fails.
type Outcome<'table> = Box<dyn Fn(usize) -> Option<bool> + 'table>;

/// The result of each row, if the metric is a share of trials. The trials of a recall are the rows of its class, which the test
/// data fix. The trials of a precision are the rows predicted as its class, which differ between models.
fn outcomes<'table>(metric: &'table Metric, rows: Rows<'table>, of: &[u32]) -> Option<Outcome<'table>> {
    let of_class = |name: &str| {
        let table: &'table Predictions = rows.table.classes()?;
        Some((table, table.class(name)?))
    };
    match metric {
        Metric::Recall(Average::Class(name)) => {
            let (table, class) = of_class(name)?;
            Some(Box::new(move |row| {
                (table.labels[row] as usize == class).then(|| table.predictions[row] as usize == class)
            }))
        }
        Metric::Precision(Average::Class(name)) => {
            let (table, class) = of_class(name)?;
            Some(Box::new(move |row| {
                (table.predictions[row] as usize == class).then(|| table.labels[row] as usize == class)
            }))
        }
        Metric::Confusion(Pair { actual, predicted, of: whole }) => {
            let ((table, actual), (_, predicted)) = (of_class(actual)?, of_class(predicted)?);
            let is_actual = move |row: usize| table.labels[row] as usize == actual;
            // If no row has the class, the metric is undefined even as a share of all rows. It is not zero.
            if !of.iter().any(|row| is_actual(*row as usize)) {
                return None;
            }
            let of_all = *whole == ConfusionOf::All;
            Some(Box::new(move |row| {
                let confused = is_actual(row) && table.predictions[row] as usize == predicted;
                (of_all || is_actual(row)).then_some(confused)
            }))
        }
        Metric::HitRate(_) => hits(metric, rows, of),
        _ if metric.is_proportion() => {
            let Form::Sums(sums) = metric.form(rows, of).ok()? else {
                return None;
            };
            Some(Box::new(move |row| {
                let mut right = false;
                sums.terms(row, &mut |place, value| right |= place == 0 && value > 0.0);
                Some(right)
            }))
        }
        _ => None,
    }
}

/// Each query as one trial, at the row that represents it. `None` if tied scores make the result of a query ambiguous.
fn hits<'table>(metric: &Metric, rows: Rows<'table>, of: &[u32]) -> Option<Outcome<'table>> {
    let Form::Sums(sums) = metric.form(rows, of).ok()? else { return None };
    let outcome = move |row: usize| {
        let mut hit = None;
        sums.terms(row, &mut |place, value| {
            if place == 0 {
                hit = Some(value);
            }
        });
        hit
    };
    let is_between = |hit: f64| hit > 0.0 && hit < 1.0;
    if of.iter().any(|row| outcome(*row as usize).is_some_and(is_between)) {
        return None;
    }
    Some(Box::new(move |row| outcome(row).map(|hit| hit > 0.0)))
}

/// The share, or the difference of two shares, with its uncertainty. `None` if the metric is not a share of trials, or if the
/// trials of the two models differ. Without any trial the share is undefined.
pub(super) fn measured(
    metric: &Metric,
    candidate: Rows<'_>,
    champion: Option<Rows<'_>>,
    of: &[u32],
    against_none: bool,
) -> Option<(Option<f64>, Spread)> {
    let ours = outcomes(metric, candidate, of)?;
    let Some(champion) = champion else {
        let (mut right, mut trials) = (0.0, 0.0);
        for row in of {
            let outcome = ours(*row as usize);
            trials += f64::from(u8::from(outcome.is_some()));
            right += f64::from(u8::from(outcome == Some(true)));
        }
        return Some(((trials > 0.0).then(|| right / trials), Spread::Share { right, trials }));
    };
    if matches!(metric, Metric::Precision(Average::Class(_))) {
        return None;
    }
    let theirs = outcomes(metric, champion, of)?;
    let mut pairs = Pairs::default();
    for row in of {
        *match (ours(*row as usize), theirs(*row as usize)) {
            (Some(true), Some(true)) => &mut pairs.both,
            (Some(true), Some(false)) => &mut pairs.candidate,
            (Some(false), Some(true)) => &mut pairs.champion,
            (Some(false), Some(false)) => &mut pairs.neither,
            _ => continue,
        } += 1.0;
    }
    let trials = pairs.trials();
    let difference = (trials > 0.0).then(|| (pairs.candidate - pairs.champion) / trials);
    Some((difference, if against_none { Spread::Discordant(pairs) } else { Spread::Pairs(pairs) }))
}
