//! The names of a metric: without its keys, and as a phrase.

use super::keys::Keys;
use super::{Cost, Metric};

impl Metric {
    /// The name of a metric that is not averaged over classes.
    pub(super) fn plain_name(&self) -> &'static str {
        match self {
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::TopKAccuracy { .. } => "top_k_accuracy",
            Self::LogLoss => "log_loss",
            Self::BrierScore { .. } => "brier_score",
            Self::ExpectedCalibrationError { .. } => "expected_calibration_error",
            Self::MatthewsCorrelation => "matthews_correlation",
            Self::CohenKappa => "cohen_kappa",
            Self::MeanAbsoluteError => "mean_absolute_error",
            Self::RootMeanSquaredError => "root_mean_squared_error",
            Self::R2 => "r2",
            Self::MeanAbsolutePercentageError => "mean_absolute_percentage_error",
            Self::SymmetricMeanAbsolutePercentageError => "symmetric_mean_absolute_percentage_error",
            Self::MedianAbsoluteError => "median_absolute_error",
            Self::PinballLoss { .. } => "pinball_loss",
            Self::IntervalCoverage { .. } => "interval_coverage",
            Self::SelectionRateRatio(_) => "selection_rate_ratio",
            Self::EqualOpportunityDifference(_) => "equal_opportunity_difference",
            Self::EqualizedOddsDifference(_) => "equalized_odds_difference",
            Self::MeanOf(_) => "mean_of",
            Self::QuantileOf { .. } => "quantile_of",
            Self::ShareOf(_) => "share_of",
            Self::Confusion(_) => "confusion",
            Self::Ndcg(_) => "ndcg",
            Self::MeanAveragePrecision(_) => "mean_average_precision",
            Self::MeanReciprocalRank(_) => "mean_reciprocal_rank",
            Self::HitRate(_) => "hit_rate",
            Self::Mase(_) => "mase",
            Self::Wape => "wape",
            Self::Cost(Cost::ArtifactBytes) => "artifact_bytes",
            Self::Cost(Cost::ArtifactParameters) => "artifact_parameters",
            Self::Cost(Cost::TrainingSeconds) => "training_seconds",
            Self::Cost(Cost::DeviceSeconds) => "device_seconds",
            Self::Cost(Cost::LatencyP50) => "latency_p50",
            Self::Cost(Cost::LatencyP99) => "latency_p99",
            _ => "accuracy",
        }
    }

    /// The metric as a phrase in a sentence: ``recall of `shirt` ``.
    pub fn describe(&self) -> String {
        let (name, keys) = self.parts();
        let Keys {
            k,
            beta,
            bins,
            class,
            by,
            quantile,
            lower,
            upper,
            column,
            better,
            actual,
            predicted,
            of,
            query,
            relevance,
            score,
            without_relevant,
            series,
            scale,
        } = keys;
        let parts = [
            column.map(|column| format!(" `{column}`")),
            k.map(|k| format!(" at k = {k}")),
            beta.map(|beta| format!(" at β = {beta}")),
            bins.map(|bins| format!(" over {}", crate::counted(bins, "bin"))),
            class.map(|class| format!(" of `{class}`")),
            by.map(|by| format!(" between values of `{by}`")),
            quantile.map(|quantile| format!(" at {quantile}")),
            lower.map(|lower| format!(" from {lower}")),
            upper.map(|upper| format!(" to {upper}")),
            actual.map(|class| format!(" of `{class}`")),
            predicted.map(|class| format!(" as `{class}`")),
            of.map(|_| " among all rows".to_owned()),
            relevance.map(|column| format!(" of `{column}`")),
            score.map(|column| format!(" by `{column}`")),
            query.map(|column| format!(" per `{column}`")),
            series.map(|column| format!(" per `{column}`")),
            scale.map(|column| format!(" over `{column}`")),
            without_relevant.map(|_| " (zero without a relevant row)".to_owned()),
            better.map(|_| " (lower is better)".to_owned()),
        ];
        std::iter::once(name.into_owned()).chain(parts.into_iter().flatten()).collect()
    }
}
