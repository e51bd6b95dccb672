//! Metrics of the evaluation's own scores: columns with a figure for each row that its evaluator computed.

use serde::{Deserialize, Serialize};

use super::{Form, Metric, Quantile, Rows, Sums, Unmeasurable, ranking};

/// A column of own scores, such as the NDCG of each query or the profit of each case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowScore {
    /// The column of the predictions with a score for every row.
    pub column: String,
    /// Whether higher or lower values are better.
    pub better: Better,
}

/// Whether higher or lower values are better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Higher values are better.
    #[default]
    Higher,
    /// Lower values are better.
    Lower,
}

/// The form of a metric of own scores, or of a ranking by them, for some rows. A share needs scores that are zero or one. Truth
/// values are read as zero and one.
pub(super) fn form<'table>(metric: &Metric, rows: Rows<'table>, of: &[u32]) -> Result<Form<'table>, Unmeasurable> {
    if let Some(ranking) = metric.ranking() {
        return ranking::sums(metric, ranking, rows, of).map(Form::Sums);
    }
    let row_scores = rows.row_scores;
    let missing = || Unmeasurable::NoColumn(metric.score_column().unwrap_or_default().to_owned());
    let values = metric.score_column().and_then(|column| row_scores.get(column)).ok_or_else(missing)?;
    match metric {
        Metric::QuantileOf { quantile, .. } => Ok(Form::Quantile(Quantile::new(quantile.0, move |row| values[row]))),
        Metric::ShareOf(score) => match values.iter().find(|value| **value != 0.0 && (**value - 1.0).abs() > 0.0) {
            Some(value) => Err(Unmeasurable::NotTruth { column: score.column.clone(), came: *value }),
            None => Ok(Form::Sums(Sums::mean(move |row| values[row], |share| share))),
        },
        _ => Ok(Form::Sums(Sums::mean(move |row| values[row], |mean| mean))),
    }
}
