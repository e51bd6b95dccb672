//! The form of a policy file. The module `read` validates it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use slipway_contract::{API_VERSION, Baseline, Metadata, Metric, ModelName};

use super::test_set::TestSet;

/// A policy: the checks that a candidate must pass before it may be promoted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyFile {
    /// Always `slipway.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub(super) api_version: String,
    /// Always `Policy`.
    pub(super) kind: PolicyKind,
    /// The policy's name.
    pub(super) metadata: Metadata,
    /// The content of the policy.
    pub(super) spec: PolicySpec,
}

/// The only kind a policy file has.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(super) enum PolicyKind {
    /// A policy file.
    Policy,
}

/// The content of a policy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicySpec {
    /// Policies whose checks also apply here: shipped ones as `slipway:NAME`, others as a path relative to this file. A check
    /// with the name of an inherited check replaces it and must be at least as strict.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub(super) extends: Vec<String>,
    /// Confidence of every bound. A bound at 0.95 is wrong in one of twenty cases at the threshold.
    #[serde(default = "default_confidence")]
    #[schemars(range(min = 0.5), extend("exclusiveMaximum" = 1))]
    pub(super) confidence: f64,
    /// How many candidates a test set may judge, and how that widens the bounds. Without it, uses are counted but not limited.
    pub(super) test_set: Option<TestSet>,
    /// The checks, at least one here or in `extends`. All of them must pass.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(super) checks: Vec<CheckEntry>,
    /// Requirements that apply while the environment names no artifact.
    #[serde(default)]
    pub(super) without_champion: WithoutChampion,
    /// Checks that a model may fail until a date.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(super) exceptions: Vec<ExceptionEntry>,
}

/// Requirements that apply while there is no champion, in addition to the checks that need none.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithoutChampion {
    /// Whether a person must approve the first artifact.
    #[serde(default)]
    pub(super) require_approval: bool,
}

/// One check: exactly one of `metric`, `expression`, `drift` and `leakage`, and a requirement on it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckEntry {
    /// A name that exceptions and stricter versions can refer to.
    pub(super) name: Option<ModelName>,
    /// The metric to measure.
    pub(super) metric: Option<Metric>,
    /// A condition in CEL over `metrics.…`, `artifact.…`, `run.…` and `environment.…`.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) expression: Option<String>,
    /// The drift of a column between the training data and the recent data.
    pub(super) drift: Option<DriftEntry>,
    /// The share of test rows that are also training rows. Its limit is `at_most`, which is zero by default.
    pub(super) leakage: Option<LeakageEntry>,
    /// The lower bound must be at or above this value.
    pub(super) at_least: Option<f64>,
    /// The upper bound must be at or below this value.
    pub(super) at_most: Option<f64>,
    /// Both bounds must lie between these two values.
    pub(super) between: Option<[f64; 2]>,
    /// The bounds must show that the candidate is worse than the champion by at most the margin.
    pub(super) no_worse_than_champion: Option<Margin>,
    /// The bounds must show that the candidate is better than the champion.
    pub(super) better_than_champion: Option<Gain>,
    /// The bounds must show that the candidate is better than a baseline of the model's evaluation, on the same rows.
    pub(super) better_than_baseline: Option<BaselineGain>,
    /// The slices of the rows that are judged one by one.
    pub(super) slice: Option<SliceEntry>,
    /// The column whose values group rows into clusters. The rows of a cluster are resampled together.
    #[serde(default, deserialize_with = "as_written")]
    #[schemars(schema_with = "name")]
    pub(super) group_by: Option<String>,
    /// Training runs with other seeds that must pass the check too.
    pub(super) seeds: Option<SeedsEntry>,
    /// The outcome of the check if the rows do not decide it.
    #[serde(default)]
    pub(super) when_inconclusive: WhenInconclusive,
    /// The consequence for the candidate if the check fails.
    #[serde(default)]
    pub(super) severity: Severity,
    /// The last day on which the check may pass, such as `2026-12-31`. After that day it fails until its owner reviews it.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub(super) expires: Option<String>,
    /// The person or team that is responsible for the check.
    #[schemars(length(min = 1, max = 100))]
    pub(super) owner: Option<String>,
    /// The reason for the check. Verdicts show it.
    #[schemars(length(min = 1, max = 500))]
    pub(super) why: Option<String>,
}

/// How much worse than the champion the candidate may be.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Margin {
    /// The margin in the metric's own unit, zero or more.
    #[schemars(range(min = 0.0))]
    pub(super) margin: f64,
    /// Whether the margin is a share of the champion's value instead.
    #[serde(default)]
    pub(super) relative: bool,
}

/// How much better than the champion the candidate must be.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Gain {
    /// The difference in the metric's own unit, zero or more.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub(super) by: f64,
}

/// How much better than a baseline the candidate must be.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BaselineGain {
    /// The baseline, which the model lists in `spec.evaluation.baselines`.
    pub(super) of: Baseline,
    /// The difference in the metric's own unit, zero or more.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub(super) by: f64,
}

/// The drift of a column between the training data and the recent data.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DriftEntry {
    /// The column.
    #[schemars(schema_with = "name")]
    pub(super) column: String,
    /// The measure of the distance.
    pub(super) statistic: StatisticName,
}

/// The measure of the distance between two samples.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatisticName {
    /// Population stability index.
    PopulationStabilityIndex,
    /// Kolmogorov–Smirnov statistic, for numbers.
    KolmogorovSmirnov,
    /// Cramér's V of χ².
    CramersV,
    /// Wasserstein's first distance, for numbers.
    Wasserstein,
    /// Jensen–Shannon distance.
    JensenShannon,
}

/// A check of leakage. It has only a limit.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeakageEntry {
    /// The tolerated share, from 0 up to (not including) 1.
    #[serde(default)]
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1))]
    pub(super) at_most: f64,
}

/// The slices of the rows that are judged one by one: exactly one of `by` and `where`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SliceEntry {
    /// One or more columns. Every combination of their values is a slice. `label` and `prediction` are columns too.
    #[serde(default, deserialize_with = "texts_as_written")]
    #[schemars(with = "StringList")]
    pub(super) by: Option<StringList>,
    /// A single slice: the rows with these values. Each column has one value or a list of values.
    #[serde(rename = "where")]
    pub(super) condition: Option<BTreeMap<String, StringList>>,
    /// A name for the slice of `where`.
    pub(super) name: Option<String>,
    /// A slice with fewer rows than this is undecided.
    #[serde(default = "default_rows")]
    #[schemars(range(min = 1))]
    pub(super) minimum_rows: u64,
}

/// How many training runs must pass a check.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedsEntry {
    /// The number of runs of the same training with different seeds, including the candidate.
    #[schemars(range(min = 2, max = 50))]
    pub(super) at_least: u32,
    /// The requirement on the other runs.
    #[serde(default)]
    pub(super) worst: Worst,
}

/// The requirement on the runs other than the candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Worst {
    /// They must pass the check too.
    #[default]
    Holds,
    /// They may be undecided. The candidate must pass the check, and no other run may be shown to fail it.
    MayBeUndecided,
}

/// The outcome of a check that the rows do not decide.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WhenInconclusive {
    /// The candidate is not promoted.
    #[default]
    Fail,
    /// The verdict shows a warning, and the candidate can be promoted.
    Warn,
    /// A person must approve the candidate.
    RequireApproval,
}

/// The consequence for a candidate that fails a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// The candidate is refused.
    #[default]
    Refuse,
    /// The verdict shows a warning.
    Warn,
}

/// A check that a model may fail until a date.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionEntry {
    /// The model.
    pub(super) model: ModelName,
    /// The name of the check.
    pub(super) check: ModelName,
    /// The reason.
    #[schemars(length(min = 1, max = 500))]
    pub(super) reason: String,
    /// The person who approved it.
    #[schemars(length(min = 1, max = 100))]
    pub(super) approver: String,
    /// The last day on which it applies, such as `2026-12-31`. It may be at most 30 days ahead.
    #[schemars(extend("format" = "date"))]
    pub(super) expires: String,
}

fn default_confidence() -> f64 {
    0.95
}

fn default_rows() -> u64 {
    30
}

/// A name as the file spells it: `2.10`, `null` and `~` are names too.
fn as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// The same for one name or a list of names.
fn texts_as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StringList>, D::Error> {
    StringList::deserialize(deserializer).map(Some)
}

/// The schema of a name, which needs no quotes.
fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "number", "boolean"]})
}

/// A text, number or truth value, or a list of them. It stores only the number of texts. The texts as written (`2.10`, not `2.1`)
/// are read from the file itself ([`slipway_yaml::Tree::texts`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StringList(pub(super) usize);

impl<'de> Deserialize<'de> for StringList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsReader)
    }
}

impl JsonSchema for StringList {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMoreValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = serde_json::json!({"type": ["string", "number", "boolean"]});
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }
}

struct TextsReader;

impl<'de> Visitor<'de> for TextsReader {
    type Value = StringList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StringList, A::Error> {
        let mut count = 0;
        while let Some(StringList(more)) = items.next_element::<StringList>()? {
            count += more;
        }
        Ok(StringList(count))
    }
}
