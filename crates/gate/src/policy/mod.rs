//! Judges a candidate by a policy file: every check by the bounds of an interval, never by a bare estimate.
//!
//! A check passes only if its whole interval lies on the right side of its threshold, and nothing that is missing, broken or
//! not comparable ever passes. Reading evaluations is the business of `evaluation`; what a verdict leads to, of `pipeline`.

mod checks;
mod classes;
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

/// A policy file that has been read: its checks are sound, and each remembers its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    name: ModelName,
    file: String,
    digest: Digest,
    confidence: f64,
    /// How often a test set may be used, if that is limited.
    test_set: Option<TestSet>,
    checks: Vec<Check>,
    /// Where it asks for a person's approval of a first artifact, if it does.
    approval_without_champion: Option<String>,
    exceptions: Vec<Exception>,
}

impl Policy {
    /// The name in its metadata.
    pub fn name(&self) -> &ModelName {
        &self.name
    }

    /// SHA-256 of the file's text, and of what it extends if that is anything.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How often a test set may be used, if that is limited.
    pub fn test_set(&self) -> Option<TestSet> {
        self.test_set
    }

    /// How many different verdicts an author may see who is shown no figures: passed or not, and left to a person where a check
    /// does that.
    fn symbols(&self) -> u32 {
        let required_evidence =
            self.checks.iter().any(|check| check.undecided == slipway_domain::CheckOutcome::NeedsApproval);
        if required_evidence { 3 } else { 2 }
    }

    /// The columns that name the queries and series its metrics are computed of, those of metrics that its expressions look at
    /// among them: units whose rows count together or not at all.
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

    /// The columns of predictions by which it groups rows, and those of numbers that its metrics need: an evaluation has to be read with them.
    pub fn columns(&self) -> Columns {
        let of_checks = self.checks.iter().flat_map(Check::columns).map(str::to_owned).collect();
        let grouped = Columns { attributes: of_checks, ..Columns::default() };
        self.checks.iter().filter_map(Check::metric).map(Columns::of).fold(grouped, Columns::and)
    }
}
