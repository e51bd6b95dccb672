//! The metrics by name: the subject of each, its range, and whether higher values are better.

use super::{Better, Number, Pair, Ranking, RowScore, Scaled, Unit};

/// A measure of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Share of rows whose prediction is the label.
    Accuracy,
    /// Mean, over the labels that occur, of the share of their rows that are predicted correctly (`balanced_accuracy_score`).
    BalancedAccuracy,
    /// Share of rows whose label is among the k highest scores. Of equal scores the later class ranks first
    /// (`top_k_accuracy_score`).
    TopKAccuracy {
        /// The number of the highest scores, at least one.
        k: u32,
    },
    /// Share of the rows predicted as a class that belong to it; zero if there are none (`precision_score`).
    Precision(Average),
    /// Share of the rows of a class that are predicted as it; zero if there are none (`recall_score`).
    Recall(Average),
    /// Harmonic mean of precision and recall; zero if both are undefined (`f1_score`, `zero_division=0`).
    F1(Average),
    /// Weighted harmonic mean of precision and recall, in which recall counts β times as much as precision (`fbeta_score`).
    FBeta {
        /// The weight of recall, above zero.
        beta: Number,
        /// The classes that it is taken over.
        average: Average,
    },
    /// Area under the ROC curve of a class against the rest (`roc_auc_score`, `multi_class="ovr"`).
    RocAuc(Average),
    /// Area under the precision-recall curve as average precision (`average_precision_score`).
    PrAuc(Average),
    /// Mean of minus the logarithm of the label's score, with scores limited to `[2.2e-16, 1 - 2.2e-16]` (`log_loss`).
    LogLoss,
    /// Mean squared distance of the scores from the label (`brier_score_loss`): over all classes, halved if there are two, or of
    /// one class against the rest.
    BrierScore {
        /// The class; all classes if absent.
        class: Option<String>,
    },
    /// Expected calibration error over equal bins of the top score (Guo et al., 2017).
    ExpectedCalibrationError {
        /// The number of bins, 15 by default.
        bins: u32,
    },
    /// Matthews' correlation of labels and predictions; zero if either is constant (`matthews_corrcoef`).
    MatthewsCorrelation,
    /// Cohen's kappa: agreement beyond chance (`cohen_kappa_score`).
    CohenKappa,
    /// Share of the rows of one class that are predicted as another (`confusion_matrix`, `normalize="true"` or `"all"`).
    Confusion(Pair),
    /// Mean of the absolute errors (`mean_absolute_error`).
    MeanAbsoluteError,
    /// Root of the mean of the squared errors (`root_mean_squared_error`).
    RootMeanSquaredError,
    /// Share of the labels' variance that is explained; undefined below two rows (`r2_score`).
    R2,
    /// Mean of the errors divided by the labels, with labels of at least 2.2e-16 (`mean_absolute_percentage_error`). A share, not
    /// percent.
    MeanAbsolutePercentageError,
    /// Mean of `2|y−p| / (|y|+|p|)`, zero if both are zero. A share, not percent (Makridakis, 1993).
    SymmetricMeanAbsolutePercentageError,
    /// Median of the absolute errors (`median_absolute_error`).
    MedianAbsoluteError,
    /// Mean pinball loss of the column `quantile_<quantile>` (`mean_pinball_loss`).
    PinballLoss {
        /// The quantile, between 0 and 1.
        quantile: Number,
    },
    /// Share of labels between the columns `quantile_<lower>` and `quantile_<upper>`, both included.
    IntervalCoverage {
        /// The lower quantile.
        lower: Number,
        /// The upper quantile.
        upper: Number,
    },
    /// Sum of the absolute errors divided by the sum of the labels' absolute values. A share, not percent. Undefined if all
    /// labels are zero.
    Wape,
    /// Mean, over the series, of the absolute errors divided by those of a naive forecast.
    Mase(Scaled),
    /// Lowest share of rows predicted as a class divided by the highest, between groups (Fairlearn's `demographic_parity_ratio`).
    SelectionRateRatio(Groups),
    /// Largest recall of a class minus the smallest, between groups (Fairlearn's `equal_opportunity_difference`).
    EqualOpportunityDifference(Groups),
    /// The larger of the largest differences of true and of false positive rate, between groups (Fairlearn's
    /// `equalized_odds_difference`).
    EqualizedOddsDifference(Groups),
    /// Mean of the evaluation's own scores in a column.
    MeanOf(RowScore),
    /// A quantile of the own scores in a column (`numpy.quantile`, `method="averaged_inverted_cdf"`).
    QuantileOf {
        /// The scores.
        score: RowScore,
        /// The quantile, between 0 and 1.
        quantile: Number,
    },
    /// Share of rows with a true value in a column of truth values.
    ShareOf(RowScore),
    /// Mean over the queries of the normalized discounted cumulative gain (`ndcg_score`).
    Ndcg(Ranking),
    /// Mean, over the queries, of average precision, divided by the number of all relevant rows of the query.
    MeanAveragePrecision(Ranking),
    /// Mean, over the queries, of one divided by the rank of the first relevant row.
    MeanReciprocalRank(Ranking),
    /// Share of queries with a relevant row among the first ranks.
    HitRate(Ranking),
    /// A cost of the artifact.
    Cost(Cost),
}

/// The classes that a metric is taken over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Average {
    /// One class against the rest.
    Class(String),
    /// All rows together.
    Micro,
    /// The unweighted mean of the classes that occur as label or prediction.
    Macro,
    /// The mean of the classes, each weighted by the number of its labels.
    Weighted,
}

/// The rows that are compared for fairness.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Groups {
    /// The class of the favourable outcome.
    pub class: String,
    /// The column whose values are the groups.
    pub by: String,
}

/// A cost of training, storing or running an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cost {
    /// Size of the weights in bytes.
    ArtifactBytes,
    /// Number of trained parameters.
    ArtifactParameters,
    /// Wall time of training in seconds.
    TrainingSeconds,
    /// Wall time of training multiplied by the number of accelerators, in seconds.
    DeviceSeconds,
    /// Median time of one prediction at batch size 1, in milliseconds.
    LatencyP50,
    /// 99th percentile of the time of one prediction at batch size 1, in milliseconds.
    LatencyP99,
}

/// The subject of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A classifier's predictions.
    Classes,
    /// The predictions of a regression model.
    Numbers,
    /// Columns of numbers that the evaluation wrote, for any task.
    Rows,
    /// The artifact itself.
    Artifact,
}

impl Metric {
    /// The subject.
    pub fn subject(&self) -> Subject {
        match self {
            Self::MeanAbsoluteError
            | Self::RootMeanSquaredError
            | Self::R2
            | Self::MeanAbsolutePercentageError
            | Self::SymmetricMeanAbsolutePercentageError
            | Self::MedianAbsoluteError
            | Self::PinballLoss { .. }
            | Self::IntervalCoverage { .. }
            | Self::Wape
            | Self::Mase(_) => Subject::Numbers,
            Self::MeanOf(_)
            | Self::QuantileOf { .. }
            | Self::ShareOf(_)
            | Self::Ndcg(_)
            | Self::MeanAveragePrecision(_)
            | Self::MeanReciprocalRank(_)
            | Self::HitRate(_) => Subject::Rows,
            Self::Cost(_) => Subject::Artifact,
            _ => Subject::Classes,
        }
    }

    /// Whether a higher value is better.
    pub fn higher_is_better(&self) -> bool {
        match self {
            Self::LogLoss
            | Self::BrierScore { .. }
            | Self::ExpectedCalibrationError { .. }
            | Self::Confusion(_)
            | Self::EqualOpportunityDifference(_)
            | Self::EqualizedOddsDifference(_) => false,
            Self::R2 | Self::IntervalCoverage { .. } => true,
            Self::MeanOf(score) | Self::QuantileOf { score, .. } | Self::ShareOf(score) => {
                score.better == Better::Higher
            }
            _ => matches!(self.subject(), Subject::Classes | Subject::Rows),
        }
    }

    /// The smallest and the largest possible value.
    pub fn range(&self) -> (f64, f64) {
        match self {
            Self::R2 => (f64::NEG_INFINITY, 1.0),
            Self::MatthewsCorrelation | Self::CohenKappa => (-1.0, 1.0),
            Self::BrierScore { class: None } | Self::SymmetricMeanAbsolutePercentageError => (0.0, 2.0),
            Self::IntervalCoverage { .. }
            | Self::ShareOf(_)
            | Self::Ndcg(_)
            | Self::MeanAveragePrecision(_)
            | Self::MeanReciprocalRank(_)
            | Self::HitRate(_) => (0.0, 1.0),
            Self::MeanOf(_) | Self::QuantileOf { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            Self::LogLoss => (0.0, f64::INFINITY),
            _ if self.subject() == Subject::Classes => (0.0, 1.0),
            _ => (0.0, f64::INFINITY),
        }
    }

    /// Whether the metric is a plain share of rows, each of which is right or wrong.
    pub fn is_proportion(&self) -> bool {
        matches!(
            self,
            Self::Accuracy
                | Self::TopKAccuracy { .. }
                | Self::IntervalCoverage { .. }
                | Self::ShareOf(_)
                | Self::Precision(Average::Micro)
                | Self::Recall(Average::Micro)
                | Self::F1(Average::Micro)
                | Self::FBeta { average: Average::Micro, .. }
        )
    }

    /// Whether it is computed from scores and not from predicted classes.
    pub fn needs_scores(&self) -> bool {
        matches!(
            self,
            Self::LogLoss
                | Self::ExpectedCalibrationError { .. }
                | Self::BrierScore { .. }
                | Self::TopKAccuracy { .. }
                | Self::RocAuc(_)
                | Self::PrAuc(_)
        )
    }

    /// Whether the evaluator must state it in its report. This applies to every metric that labels and predictions alone
    /// determine. Metrics of own scores, rankings and scales may be stated.
    pub fn is_stated(&self) -> bool {
        !matches!(self.subject(), Subject::Rows | Subject::Artifact) && self.column().is_none() && self.unit().is_none()
    }

    /// The classes that it names.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        let two = match self {
            Self::Confusion(Pair { actual, predicted, .. }) => [Some(actual.as_str()), Some(predicted.as_str())],
            other => [other.class(), None],
        };
        two.into_iter().flatten()
    }

    /// The class that it refers to, if there is one.
    fn class(&self) -> Option<&str> {
        match self {
            Self::Precision(Average::Class(class))
            | Self::Recall(Average::Class(class))
            | Self::F1(Average::Class(class))
            | Self::FBeta { average: Average::Class(class), .. }
            | Self::RocAuc(Average::Class(class))
            | Self::PrAuc(Average::Class(class))
            | Self::BrierScore { class: Some(class) } => Some(class),
            Self::SelectionRateRatio(groups)
            | Self::EqualOpportunityDifference(groups)
            | Self::EqualizedOddsDifference(groups) => Some(&groups.class),
            _ => None,
        }
    }

    /// The column of own scores that it is computed from, if there is one.
    pub fn score_column(&self) -> Option<&str> {
        match self {
            Self::MeanOf(score) | Self::QuantileOf { score, .. } | Self::ShareOf(score) => Some(&score.column),
            _ => None,
        }
    }

    /// The ranking that it is computed from, if there is one.
    pub fn ranking(&self) -> Option<&Ranking> {
        match self {
            Self::Ndcg(ranking)
            | Self::MeanAveragePrecision(ranking)
            | Self::MeanReciprocalRank(ranking)
            | Self::HitRate(ranking) => Some(ranking),
            _ => None,
        }
    }

    /// The unit of rows that it treats as one, if there is one. The rows of a unit vary together and are resampled together.
    pub fn unit(&self) -> Option<Unit<'_>> {
        match self {
            Self::Mase(scaled) => {
                Some(Unit { column: &scaled.series, singular: "series", plural: "series", indivisible: false })
            }
            other => other.ranking().map(|ranking| Unit {
                column: &ranking.query,
                singular: "query",
                plural: "queries",
                indivisible: true,
            }),
        }
    }

    /// The columns of numbers that it is computed from, besides labels and predictions.
    pub fn number_columns(&self) -> impl Iterator<Item = &str> {
        let of_model = self.score_column().or_else(|| Some(self.ranking()?.score.as_str()));
        of_model.into_iter().chain(self.truth_column())
    }

    /// The column of numbers that belong to the data and not to a model.
    pub fn truth_column(&self) -> Option<&str> {
        match self {
            Self::Mase(scaled) => Some(&scaled.scale),
            other => Some(&other.ranking()?.relevance),
        }
    }

    /// The column that it compares groups of rows by, if there is one.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::SelectionRateRatio(groups)
            | Self::EqualOpportunityDifference(groups)
            | Self::EqualizedOddsDifference(groups) => Some(&groups.by),
            _ => None,
        }
    }
}
