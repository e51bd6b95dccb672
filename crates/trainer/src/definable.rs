//! Whether the metrics that a model asks for are defined on its test rows, whatever will be predicted: found before anything
//! is trained.

use slipway_contract::metrics::{Average, Pair, Predictions};
use slipway_contract::{Fault, FaultKind, Metric, Model};

use crate::data::Rows;

/// Labels that a message names.
const MOST_NAMED: usize = 10;

/// Refuses the first metric that the test rows leave undefined, or that is of a class, or an average over classes, of which one
/// has no row.
pub(crate) fn check(model: &Model, test: &Rows) -> Result<(), Fault> {
    let perfect = perfect_predictions(test);
    let mut counts = vec![0_u64; test.classes.len()];
    for label in &perfect.labels {
        counts[*label as usize] += 1;
    }
    for (index, metric) in model.spec.evaluation.metrics.iter().enumerate() {
        if let Some((message, help)) = complaint(metric, &perfect, &counts) {
            let fault = Fault::new(FaultKind::Specification, message).key(format!("spec.evaluation.metrics[{index}]"));
            return Err(if help.is_empty() { fault } else { fault.help(help) });
        }
    }
    Ok(())
}

/// What is wrong with a metric, and what to do.
fn complaint(metric: &Metric, perfect: &Predictions, counts: &[u64]) -> Option<(String, String)> {
    let classes = &perfect.classes;
    for (class, has_rows) in classes_of(metric) {
        let Some(place) = perfect.class(class) else {
            let alike = classes.iter().find(|known| known.trim().to_lowercase() == class.trim().to_lowercase());
            let help = alike.map(|known| format!("did you mean `{known}`?")).unwrap_or_default();
            return Some((
                format!("{metric}: no row has the label `{class}`; the labels are {}", listed(classes)),
                help,
            ));
        };
        if has_rows && counts[place] == 0 {
            return Some((format!("{metric}: no test row has the label `{class}`"), no_rows(&[class])));
        }
    }
    let missing: Vec<&str> =
        counts.iter().zip(classes).filter(|(count, _)| **count == 0).map(|(_, class)| class.as_str()).collect();
    if metric.of(perfect).is_some_and(f64::is_finite) {
        if metric.needs_two_classes() && counts.len() - missing.len() < 2 {
            let message =
                format!("{metric} says nothing of one class, and no test row has the label {}", listed(&missing));
            return Some((message, no_rows(&missing)));
        }
        let passes_over = metric.averages_classes() && !missing.is_empty();
        let message =
            || format!("{metric} averages over all classes, but no test row has the label {}", listed(&missing));
        return passes_over.then(|| (message(), no_rows(&missing)));
    }
    let present: Vec<&String> =
        counts.iter().zip(classes).filter(|(count, _)| **count > 0).map(|(_, class)| class).collect();
    match (present.as_slice(), missing.is_empty()) {
        ([only], _) => Some((
            format!("{metric} is undefined: all test rows have the label `{only}`"),
            "add test rows with other labels, or ask for another metric".to_owned(),
        )),
        (_, false) => {
            Some((format!("{metric} is undefined: no test row has the label {}", listed(&missing)), no_rows(&missing)))
        }
        (_, true) => Some((format!("{metric} is undefined on the test rows"), String::new())),
    }
}

fn no_rows(missing: &[&str]) -> String {
    format!("add test rows with the label {}, or ask for another metric", listed(missing))
}

/// The classes that a metric is about, and whether it is undefined without rows of each.
fn classes_of(metric: &Metric) -> impl Iterator<Item = (&str, bool)> {
    let one = match metric {
        Metric::Precision(Average::Class(class))
        | Metric::Recall(Average::Class(class))
        | Metric::F1(Average::Class(class))
        | Metric::FBeta { average: Average::Class(class), .. }
        | Metric::RocAuc(Average::Class(class))
        | Metric::PrAuc(Average::Class(class)) => Some(class.as_str()),
        Metric::BrierScore { class } => class.as_deref(),
        Metric::Confusion(Pair { actual, .. }) => Some(actual.as_str()),
        _ => None,
    };
    let taken_for = match metric {
        Metric::Confusion(Pair { predicted, .. }) => Some(predicted.as_str()),
        _ => None,
    };
    one.map(|class| (class, true)).into_iter().chain(taken_for.map(|class| (class, false)))
}

/// What a model that is always right and sure would predict: a metric that is undefined for it is undefined for every model.
fn perfect_predictions(test: &Rows) -> Predictions {
    let labels: Vec<u32> = test.labels.iter().map(|label| u32::try_from(*label).unwrap_or(0)).collect();
    let width = test.classes.len();
    let mut scores = vec![0.0; labels.len() * width];
    for (row, label) in labels.iter().enumerate() {
        scores[row * width + *label as usize] = 1.0;
    }
    Predictions {
        rows: vec![String::new(); labels.len()],
        classes: test.classes.clone(),
        predictions: labels.clone(),
        labels,
        scores: Some(scores),
    }
}

fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let first: Vec<&str> = names.iter().take(MOST_NAMED).map(AsRef::as_ref).collect();
    format!("`{}`{}", first.join("`, `"), if names.len() > MOST_NAMED { ", …" } else { "" })
}
