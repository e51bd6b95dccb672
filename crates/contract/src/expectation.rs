//! The requirements of policies on a model's rows. The reader of the rows receives them, so that a requirement that no row meets
//! is found before training.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::PREDICTION;
use crate::table::{did_you_mean, first_of, shown};
use crate::{Fault, FaultKind, Metric};

/// One requirement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// The requirement.
    // Trainers of the previous release read only `asked`.
    #[serde(rename = "asked", alias = "check")]
    pub check: ExpectedCheck,
    /// Whether no candidate can pass if no row meets the requirement. Otherwise it is only a warning.
    pub refuses: bool,
}

/// A requirement on the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedCheck {
    /// A metric of predictions, which must be defined on the test rows.
    Metric(Metric),
    /// Test rows that have one of the values in each of these columns. `label` and `prediction` are columns too.
    Where(BTreeMap<String, Vec<String>>),
    /// Test rows of every class.
    EachLabel,
    /// A column that both the training and the recent rows must have.
    Drift(String),
}

impl ExpectedCheck {
    /// The classes that it names, each once.
    pub fn classes(&self) -> BTreeSet<&str> {
        match self {
            Self::Metric(metric) => metric.classes().collect(),
            Self::Where(values) => {
                let of_classes = values.iter().filter(|(column, _)| ["label", PREDICTION].contains(&column.as_str()));
                of_classes.flat_map(|(_, values)| values.iter().map(String::as_str)).collect()
            }
            Self::EachLabel | Self::Drift(_) => BTreeSet::new(),
        }
    }
}

/// The classes that policies name and that no training row has: faults, and warnings. `classes` are the classes of the training
/// rows. This is for callers that cannot read the test rows. A caller that can read them can report more.
pub fn unknown_classes(expects: &[Expectation], classes: &[String]) -> (Vec<Fault>, Vec<Fault>) {
    let (mut faults, mut warnings) = (Vec::new(), Vec::new());
    for (place, Expectation { check, refuses }) in expects.iter().enumerate() {
        for fault in check.classes().into_iter().filter_map(|class| unknown_class(class, classes)) {
            let fault = Fault { expectation: u32::try_from(place).ok(), ..fault };
            if *refuses { faults.push(fault) } else { warnings.push(fault) }
        }
    }
    (faults, warnings)
}

/// The fault of a class that no training row has; `None` if a row has it.
pub fn unknown_class(class: &str, classes: &[String]) -> Option<Fault> {
    if classes.iter().any(|known| known == class) {
        return None;
    }
    let known: Vec<&str> = classes.iter().map(String::as_str).collect();
    let message = format!("no training row has the label `{}`; the labels are {}", shown(class), first_of(classes));
    Some(Fault { help: did_you_mean(class, &known), ..Fault::new(FaultKind::Specification, message) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn classes_that_no_training_row_has_are_reported_wherever_a_policy_names_them() {
        let wanted = |column: &str, values: &[&str]| {
            ExpectedCheck::Where(BTreeMap::from([(
                column.to_owned(),
                values.iter().map(|value| (*value).to_owned()).collect(),
            )]))
        };
        let metric: Metric = "selection_rate_ratio(class=\"Dog\", by=\"sex\")".parse().expect("a metric");
        let check = [
            wanted("label", &["cat", "emu"]),
            wanted("prediction", &["dgo"]),
            wanted("region", &["north"]),
            ExpectedCheck::Metric(metric),
            ExpectedCheck::EachLabel,
        ];
        let expects: Vec<Expectation> = check
            .into_iter()
            .zip([true, false, true, true, true])
            .map(|(check, refuses)| Expectation { check, refuses })
            .collect();
        let (faults, warnings) = unknown_classes(&expects, &["cat", "dog"].map(str::to_owned));
        let told = |faults: &[Fault]| -> Vec<(Option<u32>, String)> {
            faults.iter().map(|fault| (fault.expectation, fault.to_string())).collect()
        };
        let (faults, warnings) = (told(&faults), told(&warnings));
        assert_eq!(faults.iter().map(|fault| fault.0).collect::<Vec<_>>(), [Some(0), Some(3)]);
        assert!(faults[0].1.contains("no training row has the label `emu`; the labels are `cat`, `dog`"), "{faults:?}");
        assert!(faults[1].1.contains("`Dog`"), "{faults:?}");
        assert!(warnings.len() == 1 && warnings[0].0 == Some(1) && warnings[0].1.contains("`dgo`"), "{warnings:?}");
    }
}
