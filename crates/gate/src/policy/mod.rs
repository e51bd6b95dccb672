//! Judges a candidate by a policy: every check by the bounds of an interval, never by an estimate alone.
//!
//! A check passes only if its whole interval lies on the passing side of its threshold. A missing, broken or incomparable input
//! never passes. The module `evaluation` reads evaluations. The package `slipway` acts on verdicts.

mod checks;
mod classes;
mod dates;
mod decide;
mod drift;
mod entry;
mod evidence;
mod exception;
mod expects;
mod expression;
mod file;
mod fit;
mod holm;
mod judge;
mod measure;
mod parts;
mod plan;
mod power;
mod read;
pub mod render;
mod required_evidence;
mod rows;
mod sentence;
pub mod shipped;
mod slices;
mod test_set;
mod whole;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use slipway_contract::{Digest, Metric, ModelName};

use crate::evaluation::{Columns, Evaluation};

use checks::{Check, CheckSubject};
use exception::Exception;

pub use evidence::{Champion, Data, Evidence, Facts, Uses};
pub use expects::Expected;
pub use plan::{Assumptions, AtDifference, AtUses, CheckPlan, Plan};
pub use read::{Find, schema};
pub use required_evidence::RequiredEvidence;
pub use rows::{Shortage, in_thousands};
pub use sentence::precise;
pub use test_set::TestSet;

/// A policy file that has been read. Its checks are valid and store their lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    name: ModelName,
    file: String,
    digest: Digest,
    confidence: f64,
    /// The limit of the uses of a test set, if there is one.
    test_set: Option<TestSet>,
    checks: Vec<Check>,
    /// The place where it requires a person's approval of a first artifact, if it does.
    approval_without_champion: Option<String>,
    exceptions: Vec<Exception>,
}

impl Policy {
    /// The name in its metadata.
    pub fn name(&self) -> &ModelName {
        &self.name
    }

    /// SHA-256 of the file's text and of the policies that it extends, if there are any.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The limit of the uses of a test set, if there is one.
    pub fn test_set(&self) -> Option<TestSet> {
        self.test_set
    }

    /// The number of different verdicts that an author can see without figures: passed or not, and undecided if a check can be
    /// left to a person.
    fn symbols(&self) -> u32 {
        let required_evidence =
            self.checks.iter().any(|check| check.undecided == slipway_domain::CheckOutcome::NeedsApproval);
        if required_evidence { 3 } else { 2 }
    }

    /// The columns that name the queries and series of its metrics, including the metrics in its expressions. The rows of such a
    /// unit count together or not at all.
    pub fn units(&self, evaluation: &Evaluation) -> BTreeSet<String> {
        let is_named = |metric: &&Metric| {
            let name = format!("metrics.{metric}");
            self.checks.iter().any(|check| match &check.subject {
                CheckSubject::Expression(expression) => expression.names().contains(&name),
                _ => false,
            })
        };
        let named = evaluation.report.metrics.keys().filter(is_named);
        let metrics = self.checks.iter().filter_map(Check::metric).chain(named);
        metrics.filter_map(Metric::unit).map(|unit| unit.column.to_owned()).collect()
    }

    /// The columns of predictions that it groups rows by, and the columns of numbers that its metrics need. An evaluation must be
    /// read with them.
    pub fn columns(&self) -> Columns {
        let of_checks = self.checks.iter().flat_map(Check::columns).map(str::to_owned).collect();
        let grouped = Columns { attributes: of_checks, ..Columns::default() };
        self.checks.iter().filter_map(Check::metric).map(Columns::of).fold(grouped, Columns::and)
    }
}
