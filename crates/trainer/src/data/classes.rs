//! Checks whether a network can learn the labels of the training rows: their number, their spellings and their form.

use slipway_contract::table::{self, Counted, MAX_CLASSES};
use slipway_contract::{Fault, FaultKind, Model, counted, counted_are};

/// The most groups of labels that are reported in full.
const MAX_REPORTED: usize = 10;
/// The number of test rows of a class below which its figures say little.
const FEW_ROWS: u64 = 5;
/// The number of test rows from which such classes are reported.
const MANY_ROWS: u64 = 50;

/// The faults and the warnings about labels.
#[derive(Default)]
pub(super) struct Said {
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
}

/// Checks the labels of a table's training rows, with the number of rows of each. `outputs` is the width of a network's last layer.
pub(super) fn of_table(model: &Model, classes: &[Counted], outputs: Option<u32>) -> Said {
    let mut said = Said::default();
    let names: Vec<String> = classes.iter().map(|(class, _)| class.clone()).collect();
    match classes.len() {
        0 => return said,
        1 => said.faults.push(table::one_label(&table::shown(&names[0]))),
        count if count > MAX_CLASSES => {
            said.faults.push(table::too_many_classes(count));
            return said;
        }
        _ => {}
    }
    let rows: u64 = classes.iter().map(|(_, rows)| rows).sum();
    let is_number = table::are_measured(&names, rows);
    let of_classes = u32::try_from(classes.len()).unwrap_or(u32::MAX);
    let outputs = outputs.unwrap_or(of_classes);
    if of_classes > outputs {
        said.faults.push(too_few_outputs(model, &names, outputs, is_number));
    } else if classes.len() > 1 {
        let last = last_layer(model);
        if of_classes < outputs {
            said.warnings.push(too_many_outputs(&names, outputs, last.clone()));
        }
        if is_number {
            let message = format!(
                "the training rows have {} labels, all of them numbers: {}",
                names.len(),
                table::first_of(&names)
            );
            let help = format!("{}; a class for each number knows nothing of which are near", table::REGRESSION);
            said.warnings.push(Fault::new(FaultKind::Data, message).key("spec.data.label").help(help));
        }
    }
    said.warnings.extend(of_spellings(classes));
    said
}

/// Checks the labels of images, which are numbers from zero on.
pub(super) fn of_pictures(model: &Model, present: &[Counted], outputs: u32) -> Said {
    let mut said = Said::default();
    if let [(only, _)] = present {
        said.faults.push(table::one_label(only));
        return said;
    }
    let needed =
        present.iter().filter_map(|(class, _)| class.parse::<u32>().ok()).max().map_or(0, |largest| largest + 1);
    if needed > 0 && needed < outputs {
        let message = format!(
            "the last layer has {}, but the largest label of the training rows is {}",
            counted(outputs, "output"),
            needed - 1
        );
        let fault = Fault::new(FaultKind::Specification, message).key(last_layer(model));
        said.warnings.push(fault.help(format!("end with `- linear: {needed}`, an output for each class")));
    }
    said
}

fn last_layer(model: &Model) -> String {
    format!(
        "spec.model.sequential[{}]",
        model.spec.model.layers().map_or(0, |stack| stack.sequential.len().saturating_sub(1))
    )
}

fn too_few_outputs(model: &Model, names: &[String], outputs: u32, is_number: bool) -> Fault {
    let classes = names.len();
    let message = format!(
        "the last layer has {}, but the training rows have {classes} labels: {}",
        counted(outputs, "output"),
        table::first_of(names)
    );
    let regression = if is_number || table::many_numbers(names) {
        format!("{}; for classes, ", table::REGRESSION)
    } else {
        String::new()
    };
    let fault = Fault::new(FaultKind::Specification, message).key(last_layer(model));
    fault.help(format!("{regression}end with `- linear: {classes}`"))
}

fn too_many_outputs(names: &[String], outputs: u32, key: String) -> Fault {
    let classes = names.len();
    let message = format!(
        "the last layer has {outputs} outputs, but the training rows have only {}: {}",
        counted(classes, "label"),
        table::first_of(names)
    );
    let help = format!("end with `- linear: {classes}`, or see whether rows of a class are missing");
    Fault::new(FaultKind::Specification, message).key(key).help(help)
}

/// The warning about classes with few test rows or none among many, whose figures are chance. `key` is that of the test rows. A
/// small set is small for every class, and the intervals of its figures say so.
pub(super) fn rare_in_test(counts: &[Counted], key: &str) -> Option<Fault> {
    let rare: Vec<&Counted> = counts.iter().filter(|(_, rows)| *rows < FEW_ROWS).collect();
    let is_small = counts.iter().map(|(_, rows)| rows).sum::<u64>() < MANY_ROWS;
    if rare.is_empty() || rare.len() == counts.len() || is_small {
        return None;
    }
    let named = rare.iter().take(MAX_REPORTED).map(|(class, rows)| format!("`{}` {rows}", table::shown(class)));
    let more = if rare.len() > MAX_REPORTED { ", …" } else { "" };
    let message = format!(
        "{} of {} have fewer than {FEW_ROWS} test rows: {}{more}",
        rare.len(),
        counted(counts.len(), "class"),
        named.collect::<Vec<_>>().join(", ")
    );
    let help = "their share of any figure is chance, and a gate cannot see a model that never predicts them: add test \
                rows of these classes";
    Some(Fault::new(FaultKind::Data, message).key(key).help(help))
}

fn of_spellings(classes: &[Counted]) -> Vec<Fault> {
    let alike = table::alike_labels(classes);
    let more = alike.len().saturating_sub(MAX_REPORTED);
    let warning = |message: String, help: &str| Fault::new(FaultKind::Data, message).key("spec.data.label").help(help);
    let mut warnings: Vec<Fault> =
        alike.into_iter().take(MAX_REPORTED).map(|message| warning(message, table::ONE_WAY)).collect();
    if more > 0 {
        warnings
            .push(warning(format!("and {} spelt in several ways", counted_are(more, "more label")), table::ONE_WAY));
    }
    let help = "drop these rows if their label is missing; rename it if it is a class";
    warnings.extend(table::doubtful_labels(classes).into_iter().map(|message| warning(message, help)));
    warnings
}
