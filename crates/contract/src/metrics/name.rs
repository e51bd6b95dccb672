//! The names of metrics, and their keys.

use std::borrow::Cow;

use super::forecast::DEFAULT_SCALE;
use super::keys::Keys;
use super::kind::Groups;
use super::ranking::{DEFAULT_RELEVANCE, DEFAULT_SCORE};
use super::{Average, Better, ConfusionOf, Cost, Metric, Number, Pair, Ranking, RowScore, Scaled, WithoutRelevant};

/// The default number of bins of the calibration error.
const DEFAULT_BINS: u32 = 15;

/// The largest number of bins, and of highest scores.
pub(super) const MAX: u32 = 10_000;

/// The optional keys of a metric of rankings.
const RANKING: [&str; 4] = ["k", "relevance", "score", "without_relevant"];

/// Every name, with its required keys and its optional keys.
pub(super) const FORMS: [(&str, &[&str], &[&str]); 57] = [
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
    ("confusion", &["actual", "predicted"], &["of"]),
    ("mean_absolute_error", &[], &[]),
    ("root_mean_squared_error", &[], &[]),
    ("r2", &[], &[]),
    ("mean_absolute_percentage_error", &[], &[]),
    ("symmetric_mean_absolute_percentage_error", &[], &[]),
    ("median_absolute_error", &[], &[]),
    ("pinball_loss", &["quantile"], &[]),
    ("interval_coverage", &["lower", "upper"], &[]),
    ("wape", &[], &[]),
    ("mase", &["series"], &["scale"]),
    ("selection_rate_ratio", &["class", "by"], &[]),
    ("equal_opportunity_difference", &["class", "by"], &[]),
    ("equalized_odds_difference", &["class", "by"], &[]),
    ("mean_of", &["column"], &["better"]),
    ("quantile_of", &["column", "quantile"], &["better"]),
    ("share_of", &["column"], &["better"]),
    ("ndcg", &["query"], &RANKING),
    ("mean_average_precision", &["query"], &RANKING),
    ("mean_reciprocal_rank", &["query"], &RANKING),
    ("hit_rate", &["k", "query"], &["relevance", "score", "without_relevant"]),
    ("artifact_bytes", &[], &[]),
    ("artifact_parameters", &[], &[]),
    ("training_seconds", &[], &[]),
    ("device_seconds", &[], &[]),
    ("latency_p50", &[], &[]),
    ("latency_p99", &[], &[]),
];

/// Every metric's name, in the order of lists for users.
pub static NAMES: [&str; FORMS.len()] = {
    let mut names = [""; FORMS.len()];
    let mut index = 0;
    while index < FORMS.len() {
        names[index] = FORMS[index].0;
        index += 1;
    }
    names
};

/// A text or mapping that is not a metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMetric {
    /// An unknown name.
    #[error("unknown metric `{0}`")]
    Unknown(String),
    /// A known name with keys that do not fit.
    #[error("{0}")]
    Keys(String),
}

/// Whether the name of a column may stand in the place of the keys: `{mean_of: profit}`.
pub(super) fn takes_text(name: &str) -> bool {
    FORMS.iter().any(|(known, needed, _)| *known == name && *needed == ["column"])
}

/// The required and the optional keys of a name.
pub(super) fn keys_of_name(name: &str) -> Vec<&'static str> {
    let form = FORMS.iter().find(|(known, ..)| *known == name);
    form.map(|(_, needed, allowed)| needed.iter().chain(*allowed).copied().collect()).unwrap_or_default()
}

/// The required keys of a name.
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
        "query" => "query",
        "series" => "series",
        "predicted" => "boot",
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
    if (1..=MAX).contains(&value) {
        return Ok(value);
    }
    refuse(format!("`{key}` of `{name}` is {value}, expected 1 to {MAX}"))
}

/// The column that a key names, or the default column.
fn column(name: &str, key: &str, named: Option<String>, default: &str) -> Result<String, NotAMetric> {
    match named.unwrap_or_else(|| default.to_owned()) {
        column if column.is_empty() => {
            refuse(format!("`{key}` of `{name}` is empty, expected the name of a column of the predictions"))
        }
        column => Ok(column),
    }
}

/// Rejects a column that is used for two purposes.
fn differing<const COUNT: usize>(name: &str, columns: [(&str, &String); COUNT]) -> Result<(), NotAMetric> {
    for (place, (key, column)) in columns.iter().enumerate() {
        if let Some((earlier, _)) = columns[..place].iter().find(|(_, other)| other == column) {
            return refuse(format!("`{earlier}` and `{key}` of `{name}` are both `{column}`, expected two columns"));
        }
    }
    Ok(())
}

fn ranking(name: &str, keys: Keys) -> Result<Ranking, NotAMetric> {
    let query = column(name, "query", keys.query, "")?;
    let relevance = column(name, "relevance", keys.relevance, DEFAULT_RELEVANCE)?;
    let score = column(name, "score", keys.score, DEFAULT_SCORE)?;
    differing(name, [("query", &query), ("relevance", &relevance), ("score", &score)])?;
    let k = keys.k.map(|k| whole(name, "k", k)).transpose()?;
    Ok(Ranking { k, query, relevance, score, without_relevant: keys.without_relevant.unwrap_or_default() })
}

fn pair(keys: Keys) -> Result<Pair, NotAMetric> {
    let (actual, predicted) = (keys.actual.unwrap_or_default(), keys.predicted.unwrap_or_default());
    if actual == predicted {
        return refuse(format!(
            "`actual` and `predicted` of `confusion` are both `{actual}`, expected two classes; use `recall` for rows \
             that are predicted correctly"
        ));
    }
    Ok(Pair { actual, predicted, of: keys.of.unwrap_or_default() })
}

impl Metric {
    /// Creates a metric from its name and its keys.
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
                Self::ExpectedCalibrationError { bins: whole(name, "bins", keys.bins.unwrap_or(DEFAULT_BINS))? }
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
            "confusion" => Self::Confusion(pair(keys)?),
            "ndcg" => Self::Ndcg(ranking(name, keys)?),
            "mean_average_precision" => Self::MeanAveragePrecision(ranking(name, keys)?),
            "mean_reciprocal_rank" => Self::MeanReciprocalRank(ranking(name, keys)?),
            "hit_rate" => Self::HitRate(ranking(name, keys)?),
            "wape" => Self::Wape,
            "mase" => {
                let series = column(name, "series", keys.series, "")?;
                let scale = column(name, "scale", keys.scale, DEFAULT_SCALE)?;
                Self::Mase(
                    differing(name, [("series", &series), ("scale", &scale)]).map(|()| Scaled { series, scale })?,
                )
            }
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
            Self::ExpectedCalibrationError { bins } if *bins != DEFAULT_BINS => keys.bins = Some(*bins),
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
            Self::Confusion(Pair { actual, predicted, of }) => {
                (keys.actual, keys.predicted) = (Some(actual.clone()), Some(predicted.clone()));
                keys.of = Some(*of).filter(|of| *of != ConfusionOf::default());
            }
            Self::Ndcg(ranking)
            | Self::MeanAveragePrecision(ranking)
            | Self::MeanReciprocalRank(ranking)
            | Self::HitRate(ranking) => {
                let Ranking { k, query, relevance, score, without_relevant } = ranking;
                (keys.k, keys.query) = (*k, Some(query.clone()));
                (keys.relevance, keys.score) = (unusual(relevance, DEFAULT_RELEVANCE), unusual(score, DEFAULT_SCORE));
                keys.without_relevant = Some(*without_relevant).filter(|way| *way != WithoutRelevant::default());
            }
            Self::Mase(Scaled { series, scale }) => {
                (keys.series, keys.scale) = (Some(series.clone()), unusual(scale, DEFAULT_SCALE));
            }
            _ => {}
        }
        (name, keys)
    }
}

/// The name of a column, or `None` if it is the default.
fn unusual(column: &str, default: &str) -> Option<String> {
    (column != default).then(|| column.to_owned())
}
