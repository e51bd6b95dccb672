//! Metrics and their definitions. They follow scikit-learn and `SciPy`, including the edge cases.

mod area;
mod class;
mod condition;
mod describe;
pub mod drift;
mod fairness;
mod forecast;
mod keys;
mod kind;
mod name;
mod number;
mod own;
mod quantile;
mod ranking;
mod regression;
mod score;
mod sums;
mod support;
mod table;
mod unit;
mod written;

#[cfg(test)]
mod ranking_reference;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unit_tests;

pub use area::{Areas, Ranked, average_precision, roc_area};
pub use class::{ConfusionOf, Pair};
pub use condition::{PREDICTION, Wanted, rows_meeting};
pub use forecast::Scaled;
pub use kind::{Average, Cost, Groups, Metric, Subject};
pub use name::{NAMES, NotAMetric};
pub use number::Number;
pub use own::{Better, RowScore};
pub use quantile::{Quantile, quantile_of_sorted};
pub use ranking::{Ranking, WithoutRelevant};
pub use sums::Sums;
pub use table::{Attribute, Attributes, Estimates, Predictions, RowScores, Rows, Table, View};
pub use unit::Unit;

/// The form in which a metric is computed from rows.
pub enum Form<'table> {
    /// From sums over the rows. The contribution of a row does not depend on the others.
    Sums(Sums<'table>),
    /// The area under ROC curves, which ranks the rows.
    RocArea(Areas<'table>),
    /// The area under precision-recall curves, which ranks the rows.
    PrecisionRecallArea(Areas<'table>),
    /// A quantile, which ranks the rows.
    Quantile(Quantile<'table>),
}

/// Why a metric cannot be computed from a table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unmeasurable {
    /// The table belongs to the other task.
    #[error("the metric is for {expected}, but the rows are for {came}")]
    Task {
        /// The task of the metric.
        expected: &'static str,
        /// The task of the rows.
        came: &'static str,
    },
    /// The predictions have no scores.
    #[error("the predictions contain no scores")]
    NoScores,
    /// A class that the evaluation does not have.
    #[error("there is no class `{0}`")]
    NoClass(String),
    /// A column that the predictions do not have.
    #[error("the predictions have no column `{0}`")]
    NoColumn(String),
    /// A column with more than two values, where a share is required.
    #[error("the column `{column}` contains {came}, expected truth values (or 0 and 1)")]
    NotTruth {
        /// The column.
        column: String,
        /// One of its values.
        came: f64,
    },
    /// No query has a relevant row.
    #[error("no query has a relevant row: the column `{column}` contains no value above 0")]
    NoRelevant {
        /// The column of relevances.
        column: String,
    },
    /// A relevance below zero.
    #[error("the column `{column}` contains {came} for the query {query}, expected a relevance of 0 or more")]
    Relevance {
        /// The column of relevances.
        column: String,
        /// The query, shortened and escaped.
        query: String,
        /// The relevance.
        came: f64,
    },
    /// A scale that cannot be a divisor.
    #[error(
        "the column `{column}` contains {came} for the series {series}, expected a scale above 0; a constant series has no scale: leave it out of all evaluations, or use `wape`"
    )]
    Scale {
        /// The column of scales.
        column: String,
        /// The series, shortened and escaped.
        series: String,
        /// The scale.
        came: f64,
    },
    /// All labels are zero.
    #[error("all labels are 0, so the sum of their absolute values cannot be the divisor")]
    NoVolume,
    /// It is not a property of predictions.
    #[error("the metric is not computed from predictions")]
    NotOfRows,
}

impl Metric {
    /// The form of the metric for the rows in `of`. A metric of units ([`Metric::unit`]) treats the rows of a unit in `of` as the
    /// whole unit.
    pub fn form<'table>(&self, rows: Rows<'table>, of: &[u32]) -> Result<Form<'table>, Unmeasurable> {
        match self.subject() {
            Subject::Classes => {
                let table = rows
                    .table
                    .classes()
                    .ok_or(Unmeasurable::Task { expected: "classification", came: rows.table.task() })?;
                if self.needs_scores() && table.scores.is_none() {
                    return Err(Unmeasurable::NoScores);
                }
                self.form_of_classes(table, rows.attributes)
            }
            Subject::Numbers => {
                let table = rows
                    .table
                    .numbers()
                    .ok_or(Unmeasurable::Task { expected: "regression", came: rows.table.task() })?;
                regression::form(self, table, rows, of)
            }
            Subject::Rows => own::form(self, rows, of),
            Subject::Artifact => Err(Unmeasurable::NotOfRows),
        }
    }

    fn form_of_classes<'table>(
        &self,
        table: &'table Predictions,
        attributes: &'table Attributes,
    ) -> Result<Form<'table>, Unmeasurable> {
        let class = |name: &str| table.class(name).ok_or_else(|| Unmeasurable::NoClass(name.to_owned()));
        match self {
            Self::RocAuc(average) => Ok(Form::RocArea(Areas::of(table, average)?)),
            Self::PrAuc(average) => Ok(Form::PrecisionRecallArea(Areas::of(table, average)?)),
            Self::TopKAccuracy { .. } | Self::LogLoss | Self::ExpectedCalibrationError { .. } => {
                Ok(Form::Sums(score::sums(self, table)))
            }
            Self::BrierScore { class: None } => Ok(Form::Sums(score::brier_of_all(table))),
            Self::BrierScore { class: Some(name) } => Ok(Form::Sums(score::brier_of(table, class(name)?))),
            Self::SelectionRateRatio(groups)
            | Self::EqualOpportunityDifference(groups)
            | Self::EqualizedOddsDifference(groups) => {
                let attribute = attributes.get(&groups.by).ok_or_else(|| Unmeasurable::NoColumn(groups.by.clone()))?;
                Ok(Form::Sums(fairness::sums(self, table, class(&groups.class)?, attribute)))
            }
            _ => class::sums(self, table).map(Form::Sums),
        }
    }

    /// The metric over all rows of a table without attributes and row scores; `None` if it cannot be computed or is undefined.
    pub fn of(&self, table: View<'_>) -> Option<f64> {
        let (attributes, row_scores) = (Attributes::new(), RowScores::new());
        let rows = Rows { table, attributes: &attributes, row_scores: &row_scores };
        self.over(rows, &all(table.len())).ok().flatten()
    }

    /// The metric over some rows; `None` if it is undefined.
    pub fn over(&self, rows: Rows<'_>, of: &[u32]) -> Result<Option<f64>, Unmeasurable> {
        self.weighted(rows, of, |_| 1.0)
    }

    /// The metric over some rows, each with the weight at its index in `of`; `None` if it is undefined.
    pub fn weighted(
        &self,
        rows: Rows<'_>,
        of: &[u32],
        weight: impl Fn(usize) -> f64,
    ) -> Result<Option<f64>, Unmeasurable> {
        let form = self.form(rows, of)?;
        // One row has no variance to explain. The sums alone do not distinguish it from equal rows.
        if *self == Self::R2 && of.len() < 2 {
            return Ok(None);
        }
        let weighted = of.iter().enumerate().map(|(place, row)| (*row as usize, weight(place)));
        let value = match form {
            Form::Sums(sums) => sums.over(weighted),
            Form::RocArea(areas) => areas.mean(&weighted, roc_area),
            Form::PrecisionRecallArea(areas) => areas.mean(&weighted, |items| Some(average_precision(items))),
            Form::Quantile(quantile) => quantile.over(weighted),
        };
        Ok(value.filter(|value| value.is_finite()))
    }
}

/// The indexes of `rows` rows.
pub fn all(rows: usize) -> Vec<u32> {
    (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect()
}
