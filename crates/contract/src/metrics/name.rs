//! How metrics are written: `accuracy`, `recall(class="shirt")` as a key, `{recall: {class: shirt}}` in a file.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::kind::Groups;
use super::{Average, Cost, Metric, Number};

/// Bins of the calibration error where nothing is said.
const USUAL_BINS: u32 = 15;

/// Most bins and most of the highest scores: more mean nothing.
const MOST: u32 = 10_000;

/// Every name, with the keys it needs and those it may have.
const FORMS: [(&str, &[&str], &[&str]); 47] = [
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
struct Keys {
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
}

impl Keys {
    fn present(&self) -> impl Iterator<Item = &'static str> {
        let Self { k, beta, bins, class, by, quantile, lower, upper } = self;
        [
            ("k", k.is_some()),
            ("beta", beta.is_some()),
            ("bins", bins.is_some()),
            ("class", class.is_some()),
            ("by", by.is_some()),
            ("quantile", quantile.is_some()),
            ("lower", lower.is_some()),
            ("upper", upper.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_present)| is_present.then_some(name))
    }
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
    fn of_keys(name: &str, keys: Keys) -> Result<Self, NotAMetric> {
        checked(name, &keys)?;
        let (family, average) = match name.split_once('_') {
            Some(("micro", family)) => (family, Average::Micro),
            Some(("macro", family)) => (family, Average::Macro),
            Some(("weighted", family)) => (family, Average::Weighted),
            _ => (name, Average::Class(keys.class.clone().unwrap_or_default())),
        };
        let groups =
            || Groups { class: keys.class.clone().unwrap_or_default(), by: keys.by.clone().unwrap_or_default() };
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
    fn parts(&self) -> (Cow<'static, str>, Keys) {
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
        let (name, Keys { k, beta, bins, class, by, quantile, lower, upper }) = self.parts();
        let parts = [
            k.map(|k| format!(" at k = {k}")),
            beta.map(|beta| format!(" at β = {beta}")),
            bins.map(|bins| format!(" over {bins} bins")),
            class.map(|class| format!(" of `{class}`")),
            by.map(|by| format!(" between values of `{by}`")),
            quantile.map(|quantile| format!(" at {quantile}")),
            lower.map(|lower| format!(" from {lower}")),
            upper.map(|upper| format!(" to {upper}")),
        ];
        std::iter::once(name.into_owned()).chain(parts.into_iter().flatten()).collect()
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, keys) = self.parts();
        f.write_str(&name)?;
        let Ok(serde_json::Value::Object(keys)) = serde_json::to_value(&keys) else {
            return Err(fmt::Error);
        };
        let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
        if keys.is_empty() { Ok(()) } else { write!(f, "({})", keys.join(", ")) }
    }
}

impl FromStr for Metric {
    type Err = NotAMetric;

    fn from_str(text: &str) -> Result<Self, NotAMetric> {
        let Some((name, rest)) = text.split_once('(') else {
            return Self::of_keys(text, Keys::default());
        };
        Self::of_keys(name, keys_of(rest).ok_or_else(|| NotAMetric::Unknown(text.chars().take(80).collect()))?)
    }
}

/// Reads `key=value, …)`, each value as JSON.
fn keys_of(mut rest: &str) -> Option<Keys> {
    let mut keys = serde_json::Map::new();
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, end) = value_of(after)?;
        if keys.insert(key.trim().to_owned(), value).is_some() {
            return None;
        }
        rest = &after[end..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    (rest == ")").then(|| serde_json::from_value(serde_json::Value::Object(keys)).ok())?
}

/// The text or number in front, and where it ends.
fn value_of(text: &str) -> Option<(serde_json::Value, usize)> {
    if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter();
        return Some((values.next()?.ok()?, values.byte_offset()));
    }
    let end = text.find([',', ')'])?;
    Some((serde_json::from_str(&text[..end]).ok()?, end))
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl Reader {
    fn complaint<E: serde::de::Error>(mistake: NotAMetric) -> E {
        match mistake {
            NotAMetric::Unknown(name) => E::unknown_variant(&name, &NAMES),
            NotAMetric::Keys(message) => E::custom(message),
        }
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Metric;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a metric's name, or a mapping of it such as `{recall: {class: shirt}}`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Metric, E> {
        text.parse().map_err(Self::complaint)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metric, A::Error> {
        let Some(name) = map.next_key::<String>()? else {
            return Err(A::Error::custom("an empty mapping, expected a metric's name with its keys"));
        };
        if !NAMES.contains(&name.as_str()) {
            return Err(A::Error::unknown_variant(&name, &NAMES));
        }
        let keys: Keys = map.next_value()?;
        if let Some(more) = map.next_key::<String>()? {
            return Err(A::Error::custom(format!("`{name}` and `{more}` came, expected one metric")));
        }
        Metric::of_keys(&name, keys).map_err(Self::complaint)
    }
}

impl JsonSchema for Metric {
    fn schema_name() -> Cow<'static, str> {
        "Metric".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let plain: Vec<&str> =
            FORMS.iter().filter(|(_, needed, _)| needed.is_empty()).map(|(name, ..)| *name).collect();
        let type_of = |key: &str| match key {
            "k" | "bins" => serde_json::json!({"type": "integer", "minimum": 1, "maximum": MOST}),
            "class" | "by" => serde_json::json!({"type": "string"}),
            _ => serde_json::json!({"type": "number", "exclusiveMinimum": 0}),
        };
        let with_keys = FORMS.iter().filter(|(_, needed, allowed)| !needed.is_empty() || !allowed.is_empty());
        let properties: serde_json::Map<String, serde_json::Value> = with_keys
            .map(|(name, needed, allowed)| {
                let keys: serde_json::Map<String, serde_json::Value> =
                    needed.iter().chain(*allowed).map(|key| ((*key).to_owned(), type_of(key))).collect();
                let form = serde_json::json!({
                    "type": "object", "properties": keys, "required": needed, "additionalProperties": false,
                });
                ((*name).to_owned(), form)
            })
            .collect();
        json_schema!({
            "description": "What can be measured of a candidate.",
            "anyOf": [
                {"type": "string", "enum": plain},
                {"type": "string", "pattern": r"^[a-z0-9_]+\(.*\)$"},
                {
                    "type": "object", "properties": properties, "additionalProperties": false,
                    "minProperties": 1, "maxProperties": 1,
                },
            ],
        })
    }
}
