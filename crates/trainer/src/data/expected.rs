//! Checks before training whether the rows meet the requirements of policies, and suggests the name that may have been meant.

use std::collections::{BTreeMap, BTreeSet};

use slipway_contract::metrics::{Attribute, Attributes, PREDICTION, Wanted, all, rows_meeting};
use slipway_contract::table::{self, shown};
use slipway_contract::{Expectation, ExpectedCheck, Fault, FaultKind};

use crate::definable::{ClassRows, Complaint, TestRows, listed};

/// The test rows in the form in which policies judge them.
pub(super) struct Judged<'rows> {
    rows: &'rows TestRows,
    attributes: Attributes,
}

impl<'rows> Judged<'rows> {
    /// Test rows with the columns that are copied into their predictions, which have the same length.
    pub(super) fn of(rows: &'rows TestRows, columns: Vec<(String, Vec<String>)>) -> Self {
        Self { rows, attributes: columns.into_iter().map(|(name, texts)| (name, attribute(&texts))).collect() }
    }

    /// The faults and warnings about every requirement that no row meets.
    pub(super) fn judge(&self, expects: &[Expectation]) -> (Vec<Fault>, Vec<Fault>) {
        let (mut faults, mut warnings) = (Vec::new(), Vec::new());
        for (place, Expectation { check, refuses }) in expects.iter().enumerate() {
            for Complaint { message, help } in self.complaints(check) {
                let fault =
                    Fault { expectation: u32::try_from(place).ok(), ..Fault::new(FaultKind::Specification, message) };
                let fault = if help.is_empty() { fault } else { fault.help(help) };
                if *refuses { faults.push(fault) } else { warnings.push(fault) }
            }
        }
        (faults, warnings)
    }

    fn complaints(&self, check: &ExpectedCheck) -> Vec<Complaint> {
        match check {
            ExpectedCheck::Metric(metric) => self.rows.judge_by_policy(metric, &self.attributes).into_iter().collect(),
            ExpectedCheck::EachLabel => self.each_label().into_iter().collect(),
            ExpectedCheck::Where(values) => self.meeting(values),
            ExpectedCheck::Drift(_) => Vec::new(),
        }
    }

    /// The complaint about classes without a test row, if each class is judged by its own rows.
    fn each_label(&self) -> Option<Complaint> {
        let missing: Vec<&str> = self.rows.classes()?.missing();
        let first = missing.first()?;
        let labels = if missing.len() == 1 { format!("`{}`", shown(first)) } else { listed(&missing) };
        Some(Complaint::new(
            format!("no test row has the label {labels}, and each label is judged by its own rows"),
            format!("add test rows with the label {labels}, or drop the training rows that have it"),
        ))
    }

    /// The complaints about a condition on columns, as the gate judges it: each listed value must occur in the rows that meet the
    /// whole condition. For predictions only the classes are known.
    fn meeting(&self, values: &BTreeMap<String, Vec<String>>) -> Vec<Complaint> {
        let (predicted, given): (Vec<_>, Vec<_>) = values.iter().partition(|(column, _)| *column == PREDICTION);
        let columns: Vec<_> =
            given.iter().filter_map(|(column, values)| Some((*column, *values, self.column(column)?))).collect();
        let wanted: Vec<Wanted<'_>> =
            columns.iter().map(|(column, values, found)| Wanted { column, values, found }).collect();
        let every: Vec<u32> = all(self.rows.len());
        let rows = rows_meeting(&wanted, self.rows.len());
        let mut complaints = Vec::new();
        for wanted in &wanted {
            let nowhere = wanted.without_rows(&every);
            complaints.extend(nowhere.iter().map(|value| without_rows(wanted.column, value, &wanted.found.values)));
            if !rows.is_empty() {
                let here = wanted.without_rows(&rows).into_iter().filter(|value| !nowhere.contains(value));
                complaints.extend(here.map(|value| without_rows_here(wanted.column, value, values)));
            }
        }
        if rows.is_empty() && complaints.is_empty() && !wanted.is_empty() {
            let message = format!("no test row has {}", describe(given.iter().copied()));
            complaints.push(Complaint::new(message, "add such rows, or ask for fewer conditions"));
        }
        // Any number may be predicted.
        let Some(classes) = self.rows.classes().map(ClassRows::classes) else { return complaints };
        let predicted = predicted.iter().flat_map(|(_, values)| values.iter());
        let unknown = predicted.filter(|value| !classes.contains(value));
        complaints.extend(unknown.map(|value| never_predicted(value, classes)));
        complaints
    }

    /// A column that rows can be grouped by.
    fn column(&self, column: &str) -> Option<Attribute> {
        match column {
            "label" => {
                let rows = self.rows.classes()?;
                Some(Attribute { values: rows.classes().to_vec(), of_row: rows.labels().to_vec() })
            }
            // A policy that names a column that predictions do not have was rejected before.
            column => self.attributes.get(column).cloned(),
        }
    }
}

/// The complaint about a value that no test row has.
fn without_rows(column: &str, value: &str, known: &[String]) -> Complaint {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let of_classes = column == "label";
    let what =
        if of_classes { format!("the label `{}`", shown(value)) } else { format!("{column} `{}`", shown(value)) };
    let is_class = of_classes && known.contains(&value);
    let all = if is_class || known.is_empty() {
        String::new()
    } else if of_classes {
        format!("; the labels are {}", listed(&known))
    } else {
        format!("; it is {}", listed(&known))
    };
    let help = match table::did_you_mean(value, &known).filter(|_| !is_class) {
        Some(help) => help,
        None => format!("add test rows with {what}, or take it out of the policy"),
    };
    Complaint::new(format!("no test row has {what}{all}"), help)
}

/// The complaint about a prediction that no model of these rows can make.
fn never_predicted(value: &str, classes: &[String]) -> Complaint {
    let known: Vec<&str> = classes.iter().map(String::as_str).collect();
    let message =
        format!("no model predicts `{}`: the labels of the training rows are {}", shown(value), listed(&known));
    let help = table::did_you_mean(value, &known);
    Complaint::new(
        message,
        help.unwrap_or_else(|| "take it out of the policy, or add training rows with it".to_owned()),
    )
}

/// The complaint about a value that test rows have, but none that meet the rest of the condition.
fn without_rows_here(column: &str, value: &str, condition: &BTreeMap<String, Vec<String>>) -> Complaint {
    let others = describe(condition.iter().filter(|(other, _)| *other != column && *other != PREDICTION));
    let message = format!("no test row with {others} has {column} `{}`", shown(value));
    Complaint::new(message, "add such rows, or take the value out of the condition")
}

/// Conditions as a phrase.
fn describe<'values>(conditions: impl Iterator<Item = (&'values String, &'values Vec<String>)>) -> String {
    conditions.map(|(column, values)| format!("{column} {}", listed(values))).collect::<Vec<_>>().join(" and ")
}

/// A column as its distinct texts.
fn attribute(texts: &[String]) -> Attribute {
    let values: BTreeSet<&String> = texts.iter().collect();
    let places: BTreeMap<&String, u32> = values.iter().copied().zip(0..).collect();
    let of_row = texts.iter().map(|text| places[text]).collect();
    Attribute { values: values.into_iter().cloned().collect(), of_row }
}
