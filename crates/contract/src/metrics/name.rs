//! The names of metrics, and the keys that say more.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::kind::Groups;
use super::{Average, Better, Cost, Metric, Number, RowScore};

/// Bins of the calibration error where nothing is said.
const USUAL_BINS: u32 = 15;

/// Most bins and most of the highest scores: more mean nothing.
pub(super) const MOST: u32 = 10_000;

/// Every name, with the keys it needs and those it may have.
pub(super) const FORMS: [(&str, &[&str], &[&str]); 50] = [
    ("accuracy", &[], &[]),
    ("balanced_accuracy", &[], &[]),
    ("top_k_accuracy", &["k"], &[]),
    ("precision", &["class"], &[]),
    ("micro_precision", &[], &[]),
    ("macro_precision", &[], &[]),
    ("weighted_precision", &[], &[]),
    ("recall", &["class"], &[]),
    ("micro_recall", &[], &[]),
    ("macro_recall", &[], &[]),
    ("weighted_recall", &[], &[]),
    ("f1", &["class"], &[]),
    ("micro_f1", &[], &[]),
    ("macro_f1", &[], &[]),
    ("weighted_f1", &[], &[]),
    ("f_beta", &["beta", "class"], &[]),
    ("micro_f_beta", &["beta"], &[]),
    ("macro_f_beta", &["beta"], &[]),
    ("weighted_f_beta", &["beta"], &[]),
    ("roc_auc", &["class"], &[]),
    ("macro_roc_auc", &[], &[]),
    ("weighted_roc_auc", &[], &[]),
    ("pr_auc", &["class"], &[]),
    ("macro_pr_auc", &[], &[]),
    ("weighted_pr_auc", &[], &[]),
    ("log_loss", &[], &[]),
    ("brier_score", &[], &["class"]),
    ("expected_calibration_error", &[], &["bins"]),
    ("matthews_correlation", &[], &[]),
    ("cohen_kappa", &[], &[]),
    ("mean_absolute_error", &[], &[]),
    ("root_mean_squared_error", &[], &[]),
    ("r2", &[], &[]),
    ("mean_absolute_percentage_error", &[], &[]),
    ("symmetric_mean_absolute_percentage_error", &[], &[]),
    ("median_absolute_error", &[], &[]),
    ("pinball_loss", &["quantile"], &[]),
    ("interval_coverage", &["lower", "upper"], &[]),
    ("selection_rate_ratio", &["class", "by"], &[]),
    ("equal_opportunity_difference", &["class", "by"], &[]),
    ("equalized_odds_difference", &["class", "by"], &[]),
    ("mean_of", &["column"], &["better"]),
    ("quantile_of", &["column", "quantile"], &["better"]),
    ("share_of", &["column"], &["better"]),
    ("artifact_bytes", &[], &[]),
    ("artifact_parameters", &[], &[]),
    ("training_seconds", &[], &[]),
    ("device_seconds", &[], &[]),
    ("latency_p50", &[], &[]),
    ("latency_p99", &[], &[]),
];

/// Every metric's name, in the order in which they are listed to people.
pub static NAMES: [&str; FORMS.len()] = {
    let mut names = [""; FORMS.len()];
    let mut index = 0;
    while index < FORMS.len() {
        names[index] = FORMS[index].0;
        index += 1;
    }
    names
};

/// A text or mapping that is no metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMetric {
    /// A name nobody knows.
    #[error("unknown metric `{0}`")]
    Unknown(String),
    /// A known name with keys that do not fit.
    #[error("{0}")]
    Keys(String),
}

/// What may be said of a metric beyond its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beta: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bins: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantile: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    better: Option<Better>,
}

impl Keys {
    /// What a text in the place of the keys says, if the metric of this name needs a column and nothing else.
    pub(super) fn of_text(name: &str, text: &str) -> Option<Self> {
        takes_text(name).then(|| Self { column: Some(text.to_owned()), ..Self::default() })
    }

    fn present(&self) -> impl Iterator<Item = &'static str> {
        let Self { k, beta, bins, class, by, quantile, lower, upper, column, better } = self;
        [
            ("k", k.is_some()),
            ("beta", beta.is_some()),
            ("bins", bins.is_some()),
            ("class", class.is_some()),
            ("by", by.is_some()),
            ("quantile", quantile.is_some()),
            ("lower", lower.is_some()),
            ("upper", upper.is_some()),
            ("column", column.is_some()),
            ("better", better.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_present)| is_present.then_some(name))
    }
}

/// Whether a column's name may stand in the place of the keys: `{mean_of: profit}`.
pub(super) fn takes_text(name: &str) -> bool {
    FORMS.iter().any(|(known, needed, _)| *known == name && *needed == ["column"])
}

/// The keys that a name needs.
#[cfg(test)]
pub(super) fn needed_by(name: &str) -> &'static [&'static str] {
    FORMS.iter().find(|(known, ..)| *known == name).map_or(&[], |(_, needed, _)| needed)
}

fn refuse<T>(message: String) -> Result<T, NotAMetric> {
    Err(NotAMetric::Keys(message))
}

fn checked(name: &str, keys: &Keys) -> Result<(), NotAMetric> {
    let Some((_, needed, allowed)) = FORMS.iter().find(|(known, ..)| *known == name) else {
        return Err(NotAMetric::Unknown(name.chars().take(80).collect()));
    };
    if let Some(missing) = needed.iter().find(|key| !keys.present().any(|present| present == **key)) {
        return refuse(format!("`{name}` needs the key `{missing}`, such as `{{{name}: {{{}}}}}`", example(needed)));
    }
    match keys.present().find(|key| !needed.contains(key) && !allowed.contains(key)) {
        Some(foreign) => refuse(format!("`{name}` has no key `{foreign}`")),
        None => Ok(()),
    }
}

fn example(keys: &[&str]) -> String {
    let value = |key: &str| match key {
        "k" => "5",
        "beta" => "2",
        "quantile" | "upper" => "0.9",
        "lower" => "0.1",
        "by" => "region",
        "column" => "profit",
        _ => "shirt",
    };
    keys.iter().map(|key| format!("{key}: {}", value(key))).collect::<Vec<_>>().join(", ")
}

fn number(name: &str, key: &str, value: Option<f64>, most: f64) -> Result<Number, NotAMetric> {
    let value = value.unwrap_or(f64::NAN);
    if value > 0.0 && value < most {
        return Ok(Number(value));
    }
    let limit = if most.is_finite() { format!("a number between 0 and {most}") } else { "a number above 0".to_owned() };
    refuse(format!("`{key}` of `{name}` is {value}, expected {limit}"))
}

fn whole(name: &str, key: &str, value: u32) -> Result<u32, NotAMetric> {
    if (1..=MOST).contains(&value) {
        return Ok(value);
    }
    refuse(format!("`{key}` of `{name}` is {value}, expected 1 to {MOST}"))
}

impl Metric {
    /// Makes a metric of its name and its keys.
    pub(super) fn of_keys(name: &str, keys: Keys) -> Result<Self, NotAMetric> {
        checked(name, &keys)?;
        let (family, average) = match name.split_once('_') {
            Some(("micro", family)) => (family, Average::Micro),
            Some(("macro", family)) => (family, Average::Macro),
            Some(("weighted", family)) => (family, Average::Weighted),
            _ => (name, Average::Class(keys.class.clone().unwrap_or_default())),
        };
        let groups =
            || Groups { class: keys.class.clone().unwrap_or_default(), by: keys.by.clone().unwrap_or_default() };
        let score = || match keys.column.as_deref() {
            Some(column) if !column.is_empty() => {
                Ok(RowScore { column: column.to_owned(), better: keys.better.unwrap_or_default() })
            }
            _ => refuse(format!("`column` of `{name}` is empty, expected the name of a column of the predictions")),
        };
        Ok(match family {
            "accuracy" => Self::Accuracy,
            "balanced_accuracy" => Self::BalancedAccuracy,
            "top_k_accuracy" => Self::TopKAccuracy { k: whole(name, "k", keys.k.unwrap_or_default())? },
            "precision" => Self::Precision(average),
            "recall" => Self::Recall(average),
            "f1" => Self::F1(average),
            "f_beta" => Self::FBeta { beta: number(name, "beta", keys.beta, f64::INFINITY)?, average },
            "roc_auc" => Self::RocAuc(average),
            "pr_auc" => Self::PrAuc(average),
            "log_loss" => Self::LogLoss,
            "brier_score" => Self::BrierScore { class: keys.class },
            "expected_calibration_error" => {
                Self::ExpectedCalibrationError { bins: whole(name, "bins", keys.bins.unwrap_or(USUAL_BINS))? }
            }
            "matthews_correlation" => Self::MatthewsCorrelation,
            "cohen_kappa" => Self::CohenKappa,
            "mean_absolute_error" => Self::MeanAbsoluteError,
            "root_mean_squared_error" => Self::RootMeanSquaredError,
            "r2" => Self::R2,
            "mean_absolute_percentage_error" => Self::MeanAbsolutePercentageError,
            "symmetric_mean_absolute_percentage_error" => Self::SymmetricMeanAbsolutePercentageError,
            "median_absolute_error" => Self::MedianAbsoluteError,
            "pinball_loss" => Self::PinballLoss { quantile: number(name, "quantile", keys.quantile, 1.0)? },
            "interval_coverage" => {
                let (lower, upper) = (number(name, "lower", keys.lower, 1.0)?, number(name, "upper", keys.upper, 1.0)?);
                if lower >= upper {
                    return refuse(format!("`lower` of `{name}` is {lower}, expected less than `upper`, {upper}"));
                }
                Self::IntervalCoverage { lower, upper }
            }
            "selection_rate_ratio" => Self::SelectionRateRatio(groups()),
            "equal_opportunity_difference" => Self::EqualOpportunityDifference(groups()),
            "equalized_odds_difference" => Self::EqualizedOddsDifference(groups()),
            "mean_of" => Self::MeanOf(score()?),
            "quantile_of" => {
                Self::QuantileOf { score: score()?, quantile: number(name, "quantile", keys.quantile, 1.0)? }
            }
            "share_of" => Self::ShareOf(score()?),
            "artifact_bytes" => Self::Cost(Cost::ArtifactBytes),
            "artifact_parameters" => Self::Cost(Cost::ArtifactParameters),
            "training_seconds" => Self::Cost(Cost::TrainingSeconds),
            "device_seconds" => Self::Cost(Cost::DeviceSeconds),
            "latency_p50" => Self::Cost(Cost::LatencyP50),
            "latency_p99" => Self::Cost(Cost::LatencyP99),
            _ => return Err(NotAMetric::Unknown(name.to_owned())),
        })
    }

    /// The name and the keys.
    pub(super) fn parts(&self) -> (Cow<'static, str>, Keys) {
        let mut keys = Keys::default();
        let mut averaged = |family: &'static str, average: &Average| -> Cow<'static, str> {
            match average {
                Average::Class(class) => {
                    keys.class = Some(class.clone());
                    family.into()
                }
                Average::Micro => format!("micro_{family}").into(),
                Average::Macro => format!("macro_{family}").into(),
                Average::Weighted => format!("weighted_{family}").into(),
            }
        };
        let name = match self {
            Self::Precision(average) => averaged("precision", average),
            Self::Recall(average) => averaged("recall", average),
            Self::F1(average) => averaged("f1", average),
            Self::FBeta { average, .. } => averaged("f_beta", average),
            Self::RocAuc(average) => averaged("roc_auc", average),
            Self::PrAuc(average) => averaged("pr_auc", average),
            other => other.plain_name().into(),
        };
        match self {
            Self::TopKAccuracy { k } => keys.k = Some(*k),
            Self::FBeta { beta, .. } => keys.beta = Some(beta.0),
            Self::BrierScore { class } => keys.class.clone_from(class),
            Self::ExpectedCalibrationError { bins } if *bins != USUAL_BINS => keys.bins = Some(*bins),
            Self::PinballLoss { quantile } => keys.quantile = Some(quantile.0),
            Self::IntervalCoverage { lower, upper } => {
                (keys.lower, keys.upper) = (Some(lower.0), Some(upper.0));
            }
            Self::SelectionRateRatio(groups)
            | Self::EqualOpportunityDifference(groups)
            | Self::EqualizedOddsDifference(groups) => {
                (keys.class, keys.by) = (Some(groups.class.clone()), Some(groups.by.clone()));
            }
            Self::MeanOf(score) | Self::QuantileOf { score, .. } | Self::ShareOf(score) => {
                keys.column = Some(score.column.clone());
                keys.better = Some(score.better).filter(|better| *better != Better::default());
                if let Self::QuantileOf { quantile, .. } = self {
                    keys.quantile = Some(quantile.0);
                }
            }
            _ => {}
        }
        (name, keys)
    }

    /// The name of a metric that is not taken over classes.
    fn plain_name(&self) -> &'static str {
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
            Self::Cost(Cost::ArtifactBytes) => "artifact_bytes",
            Self::Cost(Cost::ArtifactParameters) => "artifact_parameters",
            Self::Cost(Cost::TrainingSeconds) => "training_seconds",
            Self::Cost(Cost::DeviceSeconds) => "device_seconds",
            Self::Cost(Cost::LatencyP50) => "latency_p50",
            Self::Cost(Cost::LatencyP99) => "latency_p99",
            _ => "accuracy",
        }
    }

    /// The metric as a sentence names it: ``recall of `shirt` ``.
    pub fn words(&self) -> String {
        let (name, Keys { k, beta, bins, class, by, quantile, lower, upper, column, better }) = self.parts();
        let parts = [
            column.map(|column| format!(" `{column}`")),
            k.map(|k| format!(" at k = {k}")),
            beta.map(|beta| format!(" at β = {beta}")),
            bins.map(|bins| format!(" over {bins} bins")),
            class.map(|class| format!(" of `{class}`")),
            by.map(|by| format!(" between values of `{by}`")),
            quantile.map(|quantile| format!(" at {quantile}")),
            lower.map(|lower| format!(" from {lower}")),
            upper.map(|upper| format!(" to {upper}")),
            better.map(|_| " (lower is better)".to_owned()),
        ];
        std::iter::once(name.into_owned()).chain(parts.into_iter().flatten()).collect()
    }
}
