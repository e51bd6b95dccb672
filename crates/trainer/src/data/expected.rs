//! Whether any row answers what policies will ask: found before anything is trained, with the name that may have been meant.

use std::collections::{BTreeMap, BTreeSet};

use slipway_contract::metrics::{Attribute, Attributes};
use slipway_contract::table::{self, shown};
use slipway_contract::{Asked, Expectation, Fault, FaultKind};

use crate::definable::{Complaint, TestRows, listed};

/// The test rows, as policies look at them.
pub(super) struct Judged<'rows> {
    rows: &'rows TestRows<'rows>,
    attributes: Attributes,
}

impl<'rows> Judged<'rows> {
    /// Test rows with the columns that go into their predictions, which are as long.
    pub(super) fn of(rows: &'rows TestRows<'rows>, columns: Vec<(String, Vec<String>)>) -> Self {
        Self { rows, attributes: columns.into_iter().map(|(name, texts)| (name, attribute(&texts))).collect() }
    }

    /// What is said of every expectation that nothing answers: faults, and warnings.
    pub(super) fn judge(&self, expects: &[Expectation]) -> (Vec<Fault>, Vec<Fault>) {
        let (mut faults, mut warnings) = (Vec::new(), Vec::new());
        for (place, Expectation { asked, refuses }) in expects.iter().enumerate() {
            for Complaint { message, help, only_warns } in self.complaints(asked) {
                let fault =
                    Fault { expectation: u32::try_from(place).ok(), ..Fault::new(FaultKind::Specification, message) };
                let fault = if help.is_empty() { fault } else { fault.help(help) };
                if *refuses && !only_warns { faults.push(fault) } else { warnings.push(fault) }
            }
        }
        (faults, warnings)
    }

    fn complaints(&self, asked: &Asked) -> Vec<Complaint> {
        match asked {
            Asked::Metric(metric) => self.rows.judge_by_policy(metric, &self.attributes).into_iter().collect(),
            Asked::EachLabel => self.each_label().into_iter().collect(),
            Asked::Where(values) => self.meeting(values),
            Asked::Drift(_) => Vec::new(),
        }
    }

    /// Classes without a test row, where each is judged by its own rows.
    fn each_label(&self) -> Option<Complaint> {
        let missing: Vec<&str> = self.rows.missing();
        let first = missing.first()?;
        let labels = if missing.len() == 1 { format!("`{}`", shown(first)) } else { listed(&missing) };
        Some(Complaint::new(
            format!("no test row has the label {labels}, and each label is judged by its own rows"),
            format!("add test rows with the label {labels}, or drop the training rows that have it"),
        ))
    }

    /// What is wrong with a condition on columns.
    fn meeting(&self, values: &BTreeMap<String, Vec<String>>) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let mut meets = vec![true; self.rows.len()];
        for (column, wanted) in values {
            let Some(found) = self.column(column) else { continue };
            // Which class will be predicted is not known; that it is one is.
            let is_predicted = column == "prediction";
            let mut counts = vec![0_u64; found.values.len()];
            found.of_row.iter().for_each(|value| counts[*value as usize] += 1);
            let has_rows = |value: &&String| {
                let place = found.values.iter().position(|known| known == *value);
                place.is_some_and(|place| is_predicted || counts[place] > 0)
            };
            let missing: Vec<&String> = wanted.iter().filter(|value| !has_rows(value)).collect();
            let all_miss = missing.len() == wanted.len();
            let told = missing.iter().map(|value| without_rows(column, value, &found));
            complaints.extend(told.map(|complaint| Complaint { only_warns: !all_miss, ..complaint }));
            if !is_predicted {
                let is_wanted: Vec<bool> = found.values.iter().map(|value| wanted.contains(value)).collect();
                meets.iter_mut().zip(&found.of_row).for_each(|(meets, value)| *meets &= is_wanted[*value as usize]);
            }
        }
        let refused = complaints.iter().any(|complaint| !complaint.only_warns);
        if !refused && !meets.contains(&true) {
            let all = values.iter().map(|(column, values)| format!("{column} {}", listed(values)));
            let message = format!("no test row has {}", all.collect::<Vec<_>>().join(" and "));
            complaints.push(Complaint::new(message, "add such rows, or ask for fewer conditions"));
        }
        complaints
    }

    /// A column by which rows can be grouped.
    fn column(&self, column: &str) -> Option<Attribute> {
        match column {
            "label" | "prediction" => {
                Some(Attribute { values: self.rows.classes().to_vec(), of_row: self.rows.labels().to_vec() })
            }
            // A column that predictions do not have was refused with the policy.
            column => self.attributes.get(column).cloned(),
        }
    }
}

/// What is said of a value that no test row has.
fn without_rows(column: &str, value: &str, found: &Attribute) -> Complaint {
    let known: Vec<&str> = found.values.iter().map(String::as_str).collect();
    let of_classes = ["label", "prediction"].contains(&column);
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

/// Classes that a policy names and no training row has, where the test rows cannot be read.
pub(super) fn unknown_classes(expects: &[Expectation], classes: &[String]) -> (Vec<Fault>, Vec<Fault>) {
    let known: Vec<&str> = classes.iter().map(String::as_str).collect();
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    for (place, Expectation { asked, refuses }) in expects.iter().enumerate() {
        let named: BTreeSet<&str> = match asked {
            Asked::Metric(metric) => metric.classes().collect(),
            Asked::Where(values) => {
                let of_classes = values.iter().filter(|(column, _)| ["label", "prediction"].contains(&column.as_str()));
                of_classes.flat_map(|(_, values)| values.iter().map(String::as_str)).collect()
            }
            Asked::EachLabel | Asked::Drift(_) => BTreeSet::new(),
        };
        for class in named.into_iter().filter(|class| !known.contains(class)) {
            let message =
                format!("no training row has the label `{}`; the labels are {}", shown(class), listed(&known));
            let mut fault =
                Fault { expectation: u32::try_from(place).ok(), ..Fault::new(FaultKind::Specification, message) };
            fault.help = table::did_you_mean(class, &known);
            if *refuses { faults.push(fault) } else { warnings.push(fault) }
        }
    }
    (faults, warnings)
}

/// A column as its different texts.
fn attribute(texts: &[String]) -> Attribute {
    let values: BTreeSet<&String> = texts.iter().collect();
    let places: BTreeMap<&String, u32> = values.iter().copied().zip(0..).collect();
    let of_row = texts.iter().map(|text| places[text]).collect();
    Attribute { values: values.into_iter().cloned().collect(), of_row }
}
